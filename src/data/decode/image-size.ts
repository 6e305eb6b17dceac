/** The size of an image by its header alone. */
import sharp from 'sharp';
import { DataError, messageOf } from '../../base/errors.ts';

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Width and height in pixels, as people see the image: a turn noted in the file (EXIF orientation) is applied.
 * @throws DataError that names the file, where it cannot be read.
 */
export async function imageSize(path: string): Promise<ImageSize> {
  try {
    const { autoOrient } = await sharp(path).metadata();
    return { width: autoOrient.width, height: autoOrient.height };
  } catch (cause) {
    throw new DataError(`${path}: cannot be read as an image (${messageOf(cause)})`, { cause });
  }
}

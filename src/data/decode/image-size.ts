/** The size of an image by its header alone. */
import sharp from 'sharp';
import { DataError, messageOf } from '../../base/errors.ts';

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Width and height in pixels, as stored and as people see the image: `turned` as the file notes (EXIF orientation).
 * @throws DataError that names the file, where it cannot be read.
 */
export async function imageSize(path: string): Promise<{ readonly stored: ImageSize; readonly turned: ImageSize }> {
  try {
    const { width, height, autoOrient: turned } = await sharp(path).metadata();
    return { stored: { width, height }, turned };
  } catch (cause) {
    throw new DataError(`${path}: cannot be read as an image (${messageOf(cause)})`, { cause });
  }
}

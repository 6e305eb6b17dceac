/**
 * JPEG and PNG files to 8-bit RGB pixels, by libvips (sharp); equal to Pillow's `convert('RGB')`, except for CMYK, which libvips
 * converts by a colour profile.
 */
import sharp from 'sharp';
import { DataError, messageOf } from '../../base/errors.ts';
import type { Rgb } from '../types.ts';
import { fileKind, MAX_PIXELS, pngHeader, readImageFile } from './file-kind.ts';

// Threads are the loader's business, and what is worth keeping it keeps itself.
sharp.cache(false);
sharp.concurrency(1);

const ALLOWED = 'allowed: a JPEG or PNG file with 8 bits a channel';

/**
 * Decodes an image. Alpha is dropped, grey becomes RGB, colour profiles are left alone as Pillow does. `height x width x 3` bytes.
 * @param turn applies a turn noted in the file (EXIF orientation): what people see. Pillow's decoding leaves it out.
 * @throws DataError that names the file, where it is missing, cut short, or neither JPEG nor PNG with 8 bits a channel.
 */
export async function decodeImage(path: string, turn = true): Promise<Rgb> {
  const bytes = await readImageFile(path);
  const kind = fileKind(bytes);
  if (kind === 'unknown') throw new DataError(`${path}: is neither a JPEG nor a PNG file; ${ALLOWED}`);
  if (kind === 'png' && pngHeader(bytes)?.bits === 16) throw new DataError(`${path}: has 16 bits a channel; ${ALLOWED}`);
  try {
    const { data, info } = await sharp(bytes, { ignoreIcc: true, failOn: 'warning', limitInputPixels: MAX_PIXELS, autoOrient: turn })
      .removeAlpha()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`${info.channels} channels`);
    return { width: info.width, height: info.height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  } catch (cause) {
    throw new DataError(`${path}: is damaged or cut short (${messageOf(cause)}); ${ALLOWED}`, { cause });
  }
}

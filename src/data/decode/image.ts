/**
 * JPEG and PNG files to 8-bit RGB pixels, by libvips (sharp); equal to Pillow's `convert('RGB')`. Grey becomes RGB, alpha is dropped and
 * not blended, colour profiles are left alone, CMYK is mixed without a profile, 1, 2 and 4 bits fill the range to 255, and of 16 bits the
 * upper 8 are taken (of 16-bit grey, too, which Pillow clips to white above 255).
 */
import sharp from 'sharp';
import { DataError, messageOf } from '../../base/errors.ts';
import type { Rgb } from '../types.ts';
import { fileKind, jpegChannels, MAX_PIXELS, otherKind, readImageFile } from './file-kind.ts';

// Threads are the loader's business, and what is worth keeping it keeps itself.
sharp.cache(false);
sharp.concurrency(1);

const ALLOWED = 'allowed: a JPEG or PNG file';
const CMYK_CHANNELS = 4;

/** Pillow's product of two bytes as shares of 255, rounded. */
const share = (a: number, b: number): number => {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
};

/** Ink to light as Pillow does it: black takes its share of white, each colour its share of what is left. */
function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / CMYK_CHANNELS) * 3);
  for (let from = 0, to = 0; from < cmyk.length; from += CMYK_CHANNELS, to += 3) {
    const white = 255 - cmyk[from + 3]!;
    for (let c = 0; c < 3; c++) rgb[to + c] = white - share(white, cmyk[from + c]!);
  }
  return rgb;
}

/** The pixels of a JPEG or PNG; throws a plain Error with libvips' reason. */
async function decodePixels(bytes: Uint8Array, turn: boolean, cmyk: boolean): Promise<Rgb> {
  const image = sharp(bytes, { ignoreIcc: true, failOn: 'warning', limitInputPixels: MAX_PIXELS, autoOrient: turn });
  const converted = cmyk ? image.pipelineColourspace('cmyk').toColourspace('cmyk') : image.removeAlpha().toColourspace('srgb');
  const { data, info } = await converted.raw().toBuffer({ resolveWithObject: true });
  if (info.channels !== (cmyk ? CMYK_CHANNELS : 3)) throw new Error(`${info.channels} channels`);
  const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { width: info.width, height: info.height, data: cmyk ? cmykToRgb(pixels) : pixels };
}

/**
 * Decodes an image. `height x width x 3` bytes.
 * @param turn applies a turn noted in the file (EXIF orientation): what people see. Pillow's decoding leaves it out.
 * @throws DataError that names the file, where it is missing, cut short, or neither JPEG nor PNG.
 */
export async function decodeImage(path: string, turn = true): Promise<Rgb> {
  const bytes = await readImageFile(path);
  const kind = fileKind(bytes);
  if (kind === 'unknown') throw new DataError(`${path}: ${otherKind(bytes)}; ${ALLOWED}`);
  try {
    return await decodePixels(bytes, turn, kind === 'jpeg' && jpegChannels(bytes) === CMYK_CHANNELS);
  } catch (cause) {
    throw new DataError(`${path}: is damaged or cut short (${messageOf(cause)}); ${ALLOWED}`, { cause });
  }
}

/**
 * The turn noted in a file (EXIF orientation): 1 none, 2 to 4 mirrored or upside down, 5 to 8 with height and width exchanged.
 * @throws DataError as `decodeImage`.
 */
export async function orientationOf(path: string): Promise<number> {
  try {
    return (await sharp(await readImageFile(path)).metadata()).orientation ?? 1;
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${path}: is damaged or cut short (${messageOf(cause)}); ${ALLOWED}`, { cause });
  }
}

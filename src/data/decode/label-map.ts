/**
 * PNG files to label maps: the stored numbers themselves, palette indices included, which libvips cannot give; or, where colours
 * are the labels, those.
 */
import { decode } from 'fast-png';
import { DataError, messageOf } from '../../base/errors.ts';
import type { LabelMap, Rgb } from '../types.ts';
import { fileKind, MAX_PIXELS, type PngHeader, pngHeader, readImageFile } from './file-kind.ts';
import { decodeImage } from './image.ts';

const ALLOWED = 'allowed: a PNG file of palette indices or of grey levels, with at most 8 bits a pixel';
const GREY = 0;
const PALETTE = 3;
const COLOUR_NAMES: Readonly<Record<number, string>> = { 2: 'RGB colours', 4: 'grey with alpha', 6: 'RGB colours with alpha' };

/** One byte a pixel from 1, 2 or 4 bits; a row's bits are padded to whole bytes, the first pixel in the highest bits. */
function unpack(packed: Uint8Array, { width, height, bits }: PngHeader): Uint8Array {
  const rowBytes = Math.ceil((width * bits) / 8);
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  const labels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const byte = packed[y * rowBytes + Math.floor(x / perByte)]!;
      labels[y * width + x] = (byte >> (8 - bits * ((x % perByte) + 1))) & mask;
    }
  }
  return labels;
}

/** A PNG's stored numbers, `height x width`; throws a plain Error with the reason. */
function decodeIndices(bytes: Uint8Array): LabelMap {
  if (fileKind(bytes) !== 'png') throw new Error('is not a PNG file');
  const header = pngHeader(bytes);
  if (header === undefined) throw new Error('is cut short');
  const { width, height, bits, colour } = header;
  if (colour !== GREY && colour !== PALETTE) throw new Error(`stores ${COLOUR_NAMES[colour] ?? `colour type ${colour}`}, not labels`);
  if (bits > 8) throw new Error(`has ${bits} bits a pixel`);
  if (width * height > MAX_PIXELS) throw new Error(`claims ${width} x ${height} pixels`);
  let data: ArrayLike<number>;
  try {
    data = decode(bytes, { checkCrc: true }).data;
  } catch (cause) {
    throw new Error(`is damaged or cut short, or interlaced with fewer than 8 bits (${messageOf(cause)})`, { cause });
  }
  if (!(data instanceof Uint8Array) || data.length !== Math.ceil((width * bits) / 8) * height) throw new Error('is damaged');
  return { width, height, data: bits === 8 ? data : unpack(data, header) };
}

/**
 * Decodes a label map as stored: no scaling of grey levels, no colours. `height x width` bytes.
 * @throws DataError that names the file, where it is missing, cut short, or no PNG with one number of at most 8 bits a pixel.
 */
export async function decodeLabelMap(path: string): Promise<LabelMap> {
  const bytes = await readImageFile(path);
  try {
    return decodeIndices(bytes);
  } catch (cause) {
    throw new DataError(`${path}: ${messageOf(cause)}; ${ALLOWED}`, { cause });
  }
}

/**
 * Decodes a label map whose colours are its labels: of a palette or grey PNG the colours too; alpha is dropped. `height x width x 3` bytes.
 * @throws DataError that names the file, where it is missing, cut short, or no PNG with at most 8 bits a channel.
 */
export async function decodeLabelColours(path: string): Promise<Rgb> {
  const bytes = await readImageFile(path);
  const kind = fileKind(bytes);
  const allowed = 'allowed: a PNG file with at most 8 bits a channel';
  if (kind === 'jpeg') throw new DataError(`${path}: is a JPEG file, which does not keep colours exactly; ${allowed}`);
  if (kind !== 'png') throw new DataError(`${path}: is not a PNG file; ${allowed}`);
  if ((pngHeader(bytes)?.bits ?? 0) > 8) throw new DataError(`${path}: has 16 bits a channel; ${allowed}`);
  return decodeImage(path, false);
}

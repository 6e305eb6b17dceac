/** PNG files to label maps: the stored numbers themselves, palette indices included, which libvips cannot give. */
import { decode } from 'fast-png';
import { DataError, messageOf } from '../../base/errors.ts';
import type { LabelMap } from '../types.ts';
import { fileKind, MAX_PIXELS, type PngHeader, pngHeader, readImageFile } from './file-kind.ts';

const ALLOWED = 'allowed: a PNG file of palette indices or of grey levels, each at most 255';
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

/** 16-bit numbers as bytes; throws a plain Error where one does not fit. */
function narrow(labels: Uint16Array, width: number): Uint8Array {
  const high = labels.findIndex((label) => label > 255);
  if (high >= 0) throw new Error(`holds the number ${labels[high]} (row ${Math.floor(high / width)}, column ${high % width})`);
  return Uint8Array.from(labels);
}

/** A PNG's stored numbers, `height x width`; throws a plain Error with the reason. */
function decodeIndices(bytes: Uint8Array): LabelMap {
  const kind = fileKind(bytes);
  if (kind === 'jpeg') throw new Error('is a JPEG file, whose compression changes labels; save label maps without loss');
  if (kind !== 'png') throw new Error(bytes.length === 0 ? 'is empty' : 'is not a PNG file');
  const header = pngHeader(bytes);
  if (header === undefined) throw new Error('is cut short');
  const { width, height, bits, colour } = header;
  if (colour !== GREY && colour !== PALETTE) throw new Error(`stores ${COLOUR_NAMES[colour] ?? `colour type ${colour}`}, not labels`);
  if (width * height > MAX_PIXELS) throw new Error(`claims ${width} x ${height} pixels`);
  let data: ArrayLike<number>;
  try {
    data = decode(bytes, { checkCrc: true }).data;
  } catch (cause) {
    throw new Error(`is damaged or cut short, or interlaced with fewer than 8 bits (${messageOf(cause)})`, { cause });
  }
  if (data instanceof Uint16Array && data.length === width * height) return { width, height, data: narrow(data, width) };
  if (!(data instanceof Uint8Array) || data.length !== Math.ceil((width * bits) / 8) * height) throw new Error('is damaged');
  return { width, height, data: bits === 8 ? data : unpack(data, header) };
}

/**
 * Decodes a label map as stored: no scaling of grey levels, no colours. `height x width` bytes.
 * @throws DataError that names the file, where it is missing, cut short, or no PNG with one number of at most 255 a pixel.
 */
export async function decodeLabelMap(path: string): Promise<LabelMap> {
  const bytes = await readImageFile(path);
  try {
    return decodeIndices(bytes);
  } catch (cause) {
    throw new DataError(`${path}: ${messageOf(cause)}; ${ALLOWED}`, { cause });
  }
}

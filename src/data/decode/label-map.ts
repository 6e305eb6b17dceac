/**
 * PNG files to label maps: the stored numbers themselves, palette indices included, which libvips cannot give; or, where colours
 * are the labels, those.
 */
import { decode } from 'fast-png';
import { DataError, messageOf } from '../../base/errors.ts';
import type { Colour } from '../catalog/dataset.ts';
import type { LabelMap, Rgb } from '../types.ts';
import { fileKind, MAX_PIXELS, type PngHeader, pngHeader, readImageFile } from './file-kind.ts';
import { decodeImage } from './image.ts';

const ALLOWED = 'allowed: a PNG file of palette indices or of grey levels, each at most 255';
const LOSSY = 'is a JPEG file, whose compression changes labels; save label maps without loss';
const ALLOWED_COLOURS = 'allowed: a PNG file with at most 8 bits a channel';
/** Where a PNG's first chunk begins, and the name of the one that holds the palette: 'PLTE'. */
const PNG_CHUNKS = 8;
const PLTE = 0x504c5445;
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
  if (kind === 'jpeg') throw new Error(LOSSY);
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

function notPng(path: string, bytes: Uint8Array): DataError {
  const is = { png: 'is cut short', jpeg: LOSSY, unknown: 'is not a PNG file' };
  return new DataError(`${path}: ${is[fileKind(bytes)]}; ${ALLOWED_COLOURS}`);
}

/**
 * Decodes a label map whose colours are its labels: of a palette or grey PNG the colours too; alpha is dropped. `height x width x 3` bytes.
 * @throws DataError that names the file, where it is missing, cut short, or no PNG with at most 8 bits a channel.
 */
export async function decodeLabelColours(path: string): Promise<Rgb> {
  const bytes = await readImageFile(path);
  if (fileKind(bytes) !== 'png') throw notPng(path, bytes);
  if ((pngHeader(bytes)?.bits ?? 0) > 8) throw new DataError(`${path}: has 16 bits a channel; ${ALLOWED_COLOURS}`);
  return decodeImage(path, false);
}

/** How a label map is stored, told by its header: numbers, with the colours of a palette or without, or colours. */
export type Storage = { readonly kind: 'grey' | 'colours' } | { readonly kind: 'palette'; readonly palette: readonly Colour[] };

/** The colours of a PNG's palette chunk (PNG, 11.2.3); empty where there is none. */
function paletteOf(bytes: Uint8Array): Colour[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = PNG_CHUNKS; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at);
    if (view.getUint32(at + 4) !== PLTE) {
      at += 12 + length;
      continue;
    }
    const entries = bytes.subarray(at + 8, at + 8 + length);
    return Array.from({ length: Math.floor(entries.length / 3) }, (_, i) => [entries[3 * i]!, entries[3 * i + 1]!, entries[3 * i + 2]!]);
  }
  return [];
}

/** How a label map is stored. @throws DataError that names the file, where it is missing, cut short or no PNG. */
export async function labelStorage(path: string): Promise<Storage> {
  const bytes = await readImageFile(path);
  const header = fileKind(bytes) === 'png' ? pngHeader(bytes) : undefined;
  if (header === undefined) throw notPng(path, bytes);
  if (header.colour === PALETTE) return { kind: 'palette', palette: paletteOf(bytes) };
  return { kind: header.colour === GREY ? 'grey' : 'colours' };
}

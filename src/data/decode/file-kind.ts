import { readFile } from 'node:fs/promises';
import { DataError, messageOf } from '../../base/errors.ts';

export type FileKind = 'jpeg' | 'png' | 'unknown';

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG_SIGNATURE = [0xff, 0xd8, 0xff];
/** A PNG's first chunk starts after its signature, length and type: width, height, bits, colour type, ... (PNG, 11.2.2). */
const PNG_HEADER_OFFSET = 16;
const PNG_HEADER_END = 33;

/** More pixels than this are a mistake or an attack (sharp's own bound). */
export const MAX_PIXELS = 0x3fff * 0x3fff;

/** The bytes of an image file. @throws DataError that names the file where it cannot be read. */
export async function readImageFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new DataError(`${path}: cannot be read (${messageOf(cause)})`, { cause });
  }
}

/** What the first bytes say a file is; its name may lie. */
export function fileKind(bytes: Uint8Array): FileKind {
  const starts = (signature: readonly number[]): boolean => signature.every((byte, i) => bytes[i] === byte);
  if (starts(PNG_SIGNATURE)) return 'png';
  return starts(JPEG_SIGNATURE) ? 'jpeg' : 'unknown';
}

/** How files begin that people take for JPEG or PNG: at which byte, with what. */
const OTHER_KINDS: readonly (readonly [name: string, offset: number, begins: string])[] = [
  ['a TIFF', 0, 'II*\0'],
  ['a TIFF', 0, 'MM\0*'],
  ['a GIF', 0, 'GIF8'],
  ['a BMP', 0, 'BM'],
  ['a WebP', 8, 'WEBP'],
  ['a HEIC or AVIF', 4, 'ftyp'],
];

/** What a file is that is neither JPEG nor PNG, in words: 'is a TIFF file'. */
export function otherKind(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'is empty';
  const found = OTHER_KINDS.find(([, offset, begins]) => [...begins].every((letter, i) => bytes[offset + i] === letter.charCodeAt(0)));
  return found ? `is ${found[0]} file` : 'is neither a JPEG nor a PNG file';
}

/** JPEG's markers of a frame, which tells the number of channels (ITU T.81, table B.1): C0 to CF but for these three. */
const NO_FRAME = [0xc4, 0xc8, 0xcc];

/** Channels that a JPEG stores: 1 grey, 3 colours, 4 CMYK; undefined where the file ends before it tells. */
export function jpegChannels(bytes: Uint8Array): number | undefined {
  let at = 2;
  while (at + 9 < bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) at++;
    else if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAME.includes(marker)) return bytes[at + 9];
    else at += 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
  }
  return undefined;
}

/** How a PNG stores its pixels. `colour` is 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGB + alpha. */
export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly colour: number;
}

/** The header of a PNG; undefined where the file ends before it. */
export function pngHeader(bytes: Uint8Array): PngHeader | undefined {
  if (bytes.length < PNG_HEADER_END) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + PNG_HEADER_OFFSET);
  return { width: view.getUint32(0), height: view.getUint32(4), bits: view.getUint8(8), colour: view.getUint8(9) };
}

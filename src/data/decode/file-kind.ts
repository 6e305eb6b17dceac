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

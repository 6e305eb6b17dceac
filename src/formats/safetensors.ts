/**
 * The safetensors format: named arrays in one file that can hold no code.
 *
 *   8 bytes     length of the header, unsigned little-endian
 *   header      JSON: {name: {dtype, shape, data_offsets: [begin, end]}, "__metadata__": {text: text}}
 *   data        the arrays, row-major little-endian, without gaps or overlaps
 *
 * Source: https://huggingface.co/docs/safetensors (format). A header is judged before anything is allocated for it, so a
 * hostile file costs no more memory than its own size.
 */
import { CheckpointError, messageOf } from '../base/errors.ts';
import { readFully, replaceFile, withFile } from './files.ts';

/** Element types of the format and their sizes in bytes. */
const BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;

export type NamedArrayType = keyof typeof BYTES;

/** An array as it lies on disk. `data` holds product(shape) elements, little-endian, row-major. */
export interface NamedArray {
  readonly dtype: NamedArrayType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** What a file holds. The arrays come in the file's order. */
export interface SafetensorsFile {
  readonly tensors: Map<string, NamedArray>;
  readonly metadata: Record<string, string>;
}

/** The reference implementation's bound on the header's length, in bytes. */
const MAX_HEADER_BYTES = 100_000_000;
const METADATA_KEY = '__metadata__';

interface Entry {
  readonly name: string;
  readonly dtype: NamedArrayType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Bytes that one element of this type takes. */
export const bytesPerElement = (dtype: NamedArrayType): number => BYTES[dtype];

/** Bytes that an array of this type and shape takes. */
export function byteLengthOf(dtype: NamedArrayType, shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, BYTES[dtype]);
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** One array's entry, judged by itself; throws a plain Error with the reason. */
function parseEntry(name: string, value: unknown, dataBytes: number): Entry {
  const wrong = (reason: string): never => {
    throw new Error(`array '${name}': ${reason}`);
  };
  if (!isRecord(value)) return wrong('its entry is not an object');
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(BYTES, dtype)) {
    return wrong(`dtype ${JSON.stringify(dtype)} is not one of ${Object.keys(BYTES).join(', ')}`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) return wrong('its shape is not a list of whole numbers >= 0');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) return wrong('data_offsets is not [begin, end]');
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) return wrong(`bytes ${begin} to ${end} lie outside the ${dataBytes} bytes of data`);
  const type = dtype as NamedArrayType;
  const needed = byteLengthOf(type, shape);
  if (needed !== end - begin)
    return wrong(`shape [${shape.join(', ')}] of ${dtype} needs ${needed} bytes, the file gives it ${end - begin}`);
  return { name, dtype: type, shape, begin, end };
}

function parseMetadata(value: unknown): Record<string, string> {
  if (!isRecord(value)) throw new Error(`${METADATA_KEY} is not an object`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw new Error(`${METADATA_KEY} '${key}' is not a text`);
  }
  return value as Record<string, string>;
}

/** The header's entries in the data's order; throws a plain Error with the reason. */
function parseHeader(text: string, dataBytes: number): { entries: Entry[]; metadata: Record<string, string> } {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw new Error('its header is not JSON');
  }
  if (!isRecord(header)) throw new Error('its header is not a JSON object');
  const entries: Entry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA_KEY) metadata = parseMetadata(value);
    else entries.push(parseEntry(name, value, dataBytes));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of entries) {
    if (begin < covered) throw new Error(`array '${name}' overlaps the one before it`);
    if (begin > covered) throw new Error(`bytes ${covered} to ${begin} before array '${name}' belong to no array`);
    covered = end;
  }
  if (covered !== dataBytes) throw new Error(`it holds ${dataBytes} bytes of data, its header names ${covered}`);
  return { entries, metadata };
}

/** Header and arrays of an open file; throws a plain Error with the reason. */
function readOpen(descriptor: number, size: number): SafetensorsFile {
  const prefix = new Uint8Array(8);
  if (!readFully(descriptor, prefix, 0)) throw new Error(`${size} bytes are too few for the 8-byte header length`);
  const headerBytes = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  const allowed = Math.min(MAX_HEADER_BYTES, size - 8);
  if (headerBytes > allowed) throw new Error(`it declares a header of ${headerBytes} bytes, at most ${allowed} are possible`);
  const header = new Uint8Array(headerBytes);
  if (!readFully(descriptor, header, 8)) throw new Error('it ends inside its header');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
  } catch {
    throw new Error('its header is not UTF-8');
  }
  const { entries, metadata } = parseHeader(text, size - 8 - headerBytes);
  const tensors = new Map<string, NamedArray>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const data = new Uint8Array(end - begin);
    if (!readFully(descriptor, data, 8 + headerBytes + begin)) throw new Error(`it ends inside array '${name}'`);
    tensors.set(name, { dtype, shape, data });
  }
  return { tensors, metadata };
}

/**
 * Reads a whole file. Every array gets memory of its own.
 * @throws CheckpointError that names the file, where it cannot be read, is cut short, or its header contradicts itself.
 */
export function readSafetensors(path: string): SafetensorsFile {
  return withFile(path, (descriptor, size) => {
    try {
      return readOpen(descriptor, size);
    } catch (cause) {
      throw new CheckpointError(`${path}: not a usable safetensors file: ${messageOf(cause)}`, { cause });
    }
  });
}

/** The header's bytes, padded with spaces so that the data begin at a multiple of 8. */
function headerOf(arrays: readonly (readonly [string, NamedArray])[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const fields: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) fields.push([METADATA_KEY, metadata]);
  let begin = 0;
  for (const [name, { dtype, shape, data }] of arrays) {
    fields.push([name, { dtype, shape, data_offsets: [begin, begin + data.length] }]);
    begin += data.length;
  }
  // Pair by pair, since an object would put names that look like numbers first.
  const json = `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const bytes = new TextEncoder().encode(json);
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8).fill(0x20);
  padded.set(bytes);
  return padded;
}

/** What would make the file unreadable again is our caller's mistake, found before a byte is written. */
function checkArrays(path: string, arrays: readonly (readonly [string, NamedArray])[]): void {
  const names = new Set<string>();
  for (const [name, { dtype, shape, data }] of arrays) {
    if (names.has(name) || name === METADATA_KEY) throw new CheckpointError(`${path}: the name '${name}' is taken`);
    names.add(name);
    const needed = byteLengthOf(dtype, shape);
    if (needed !== data.length) {
      throw new CheckpointError(
        `${path}: array '${name}': shape [${shape.join(', ')}] of ${dtype} needs ${needed} bytes, got ${data.length}`,
      );
    }
  }
}

/**
 * Writes a file as a whole or not at all. Arrays of wider elements come first, so that each begins at a multiple of its
 * element size; within a size the given order stays.
 * @throws CheckpointError that names the file, where it cannot be written or an array does not fit its shape.
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, NamedArray]>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const arrays = [...tensors].sort(([, a], [, b]) => BYTES[b.dtype] - BYTES[a.dtype]);
  checkArrays(path, arrays);
  const header = headerOf(arrays, metadata);
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(header.length), true);
  replaceFile(path, [prefix, header, ...arrays.map(([, { data }]) => data)]);
}

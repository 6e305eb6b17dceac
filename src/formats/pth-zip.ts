/**
 * The zip archives that torch.save writes: one folder of records, stored, never compressed; zip64 where they are large.
 * Format: PKWARE APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16 (its ends), 4.5.3
 * (zip64). Every place is judged before it is read; a record is a view of the file's own bytes, so that no archive expands.
 */
import { shown } from '../base/shown.ts';
import { crc32 } from './crc32.ts';
import { fail } from './pth-pickle.ts';

const LOCAL = { signature: 0x04034b50, bytes: 30 };
const ENTRY = { signature: 0x02014b50, bytes: 46 };
const END = { signature: 0x06054b50, bytes: 22 };
const LOCATOR = { signature: 0x07064b50, bytes: 20 };
const END64 = { signature: 0x06064b50, bytes: 56 };
const LONGEST_COMMENT = 0xffff;
const MAX_UINT16 = 0xffff;
const MAX_UINT32 = 0xffffffff;
const ZIP64_EXTRA = 0x0001;
const ENCRYPTED = 1;

interface Entry {
  readonly name: string;
  readonly crc: number;
  readonly size: number;
  /** Place of the local header. */
  readonly offset: number;
}

interface Directory {
  readonly count: number;
  readonly start: number;
  readonly end: number;
}

function damaged(what: string): never {
  return fail(`its zip archive is damaged or cut short: ${what}`);
}

const utf8 = new TextDecoder();

/** Little-endian numbers of a file, none from outside it. */
class Reader {
  readonly #view: DataView;
  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  #checked(at: number, length: number): number {
    return at >= 0 && at + length <= this.bytes.length ? at : damaged(`it speaks of byte ${at + length - 1} of ${this.bytes.length}`);
  }
  uint16 = (at: number): number => this.#view.getUint16(this.#checked(at, 2), true);
  uint32 = (at: number): number => this.#view.getUint32(this.#checked(at, 4), true);
  uint64 = (at: number): number => Number(this.#view.getBigUint64(this.#checked(at, 8), true));
  slice = (at: number, length: number): Uint8Array => this.bytes.subarray(this.#checked(at, length), at + length);
}

/** The last record of the file, whose comment ends with it. */
function findEnd(reader: Reader): number {
  const last = reader.bytes.length - END.bytes;
  for (let at = last; at >= Math.max(0, last - LONGEST_COMMENT); at--)
    if (reader.uint32(at) === END.signature && at + END.bytes + reader.uint16(at + 20) === reader.bytes.length) return at;
  return damaged('its end record is missing');
}

function directoryOf(reader: Reader): Directory {
  const end = findEnd(reader);
  const count = reader.uint16(end + 10);
  const size = reader.uint32(end + 12);
  const start = reader.uint32(end + 16);
  if (count !== MAX_UINT16 && size !== MAX_UINT32 && start !== MAX_UINT32) return { count, start, end: start + size };
  const locator = end - LOCATOR.bytes;
  if (locator < 0 || reader.uint32(locator) !== LOCATOR.signature) return damaged('its zip64 locator is missing');
  const end64 = reader.uint64(locator + 8);
  if (end64 > locator - END64.bytes || reader.uint32(end64) !== END64.signature) return damaged('its zip64 end record is missing');
  const start64 = reader.uint64(end64 + 48);
  return { count: reader.uint64(end64 + 32), start: start64, end: start64 + reader.uint64(end64 + 40) };
}

/** The 64-bit numbers of an entry, in the place of those of its own fields that are full. */
function wide(reader: Reader, extra: number, extraEnd: number, fields: readonly number[]): number[] {
  if (!fields.includes(MAX_UINT32)) return [...fields];
  for (let at = extra; at + 4 <= extraEnd; at += 4 + reader.uint16(at + 2)) {
    if (reader.uint16(at) !== ZIP64_EXTRA) continue;
    let place = at + 4;
    return fields.map((field) => {
      if (field !== MAX_UINT32) return field;
      place += 8;
      return reader.uint64(place - 8);
    });
  }
  return [...fields];
}

/** The entry at a place of the directory, and the place of the next one. */
function entryAt(reader: Reader, at: number): { entry: Entry; next: number } {
  if (reader.uint32(at) !== ENTRY.signature) return damaged(`no entry of the directory at byte ${at}`);
  const nameEnd = at + ENTRY.bytes + reader.uint16(at + 28);
  const extraEnd = nameEnd + reader.uint16(at + 30);
  const name = utf8.decode(reader.slice(at + ENTRY.bytes, nameEnd - at - ENTRY.bytes));
  const fields = [reader.uint32(at + 24), reader.uint32(at + 20), reader.uint32(at + 42)];
  const [size, compressed, offset] = wide(reader, nameEnd, extraEnd, fields) as [number, number, number];
  const method = reader.uint16(at + 10);
  if (reader.uint16(at + 8) & ENCRYPTED) fail(`its record ${shown(name)} is encrypted`);
  if (method !== 0) fail(`its record ${shown(name)} is compressed (method ${method}); allowed: stored records, as torch.save writes them`);
  if (compressed !== size) damaged(`record ${shown(name)} has two sizes`);
  return { entry: { name, crc: reader.uint32(at + 16), size, offset }, next: extraEnd + reader.uint16(at + 32) };
}

/** The records of an archive. */
export class PthArchive {
  readonly #reader: Reader;
  readonly #entries = new Map<string, Entry>();
  readonly #directory: Directory;
  #bytesRead = 0;

  /** @throws CheckpointError where the directory is damaged or is not one that torch.save writes. */
  constructor(bytes: Uint8Array) {
    this.#reader = new Reader(bytes);
    this.#directory = directoryOf(this.#reader);
    const { count, start, end } = this.#directory;
    if (end > bytes.length || count > (end - start) / ENTRY.bytes) damaged(`a directory of ${count} entries at bytes ${start} to ${end}`);
    let folder: string | undefined;
    let at = start;
    for (let k = 0; k < count; k++) {
      const { entry, next } = entryAt(this.#reader, at);
      const slash = entry.name.indexOf('/') + 1;
      folder ??= entry.name.slice(0, slash);
      if (slash === 0 || entry.name.slice(0, slash) !== folder)
        fail(`its record ${shown(entry.name)} is not in its folder ${shown(folder)}`);
      const path = entry.name.slice(slash);
      if (this.#entries.has(path)) damaged(`record ${shown(path)} stands there twice`);
      this.#entries.set(path, entry);
      at = next;
    }
    if (at !== end) damaged(`its directory ends at byte ${at} in place of ${end}`);
  }

  /** A record's bytes, by its path below the archive's folder. @throws CheckpointError where its checksum is another. */
  read(path: string): Uint8Array | undefined {
    const entry = this.#entries.get(path);
    if (!entry) return undefined;
    const { offset, size, crc } = entry;
    const reader = this.#reader;
    if (reader.uint32(offset) !== LOCAL.signature) return damaged(`record ${shown(path)} has no header at byte ${offset}`);
    const start = offset + LOCAL.bytes + reader.uint16(offset + 26) + reader.uint16(offset + 28);
    if (start + size > this.#directory.start) return damaged(`record ${shown(path)} reaches into the directory`);
    const data = reader.slice(start, size);
    this.#bytesRead += size;
    if (this.#bytesRead > reader.bytes.length) return damaged('its records overlap');
    if (crc32(data) !== crc) return damaged(`the checksum of record ${shown(path)} is another than the archive says`);
    return data;
  }
}

/** PyTorch's alignment of records, bytes. */
const ALIGNMENT = 64;
/** Extra field that fills the room up to it. */
const PADDING_EXTRA = 0x4246;
const UTF8_NAMES = 0x0800;

/** The fields that local header and directory share: flags to the length of the name. */
function common(view: DataView, at: number, { crc, size, nameBytes }: { crc: number; size: number; nameBytes: number }): void {
  view.setUint16(at, UTF8_NAMES, true);
  view.setUint32(at + 8, crc, true);
  view.setUint32(at + 12, size, true);
  view.setUint32(at + 16, size, true);
  view.setUint16(at + 20, nameBytes, true);
}

/** A local header, its name, and the extra field after which a multiple of 64 is reached. */
function localHeader(name: Uint8Array, crc: number, size: number, offset: number): Uint8Array {
  const bare = offset + LOCAL.bytes + name.length + 4;
  const padding = (ALIGNMENT - (bare % ALIGNMENT)) % ALIGNMENT;
  const header = new Uint8Array(LOCAL.bytes + name.length + 4 + padding).fill('Z'.charCodeAt(0));
  const view = new DataView(header.buffer);
  header.fill(0, 0, LOCAL.bytes);
  view.setUint32(0, LOCAL.signature, true);
  common(view, 6, { crc, size, nameBytes: name.length });
  view.setUint16(28, 4 + padding, true);
  header.set(name, LOCAL.bytes);
  view.setUint16(LOCAL.bytes + name.length, PADDING_EXTRA, true);
  view.setUint16(LOCAL.bytes + name.length + 2, padding, true);
  return header;
}

function directoryEntry(name: Uint8Array, crc: number, size: number, offset: number): Uint8Array {
  const entry = new Uint8Array(ENTRY.bytes + name.length);
  const view = new DataView(entry.buffer);
  view.setUint32(0, ENTRY.signature, true);
  common(view, 8, { crc, size, nameBytes: name.length });
  view.setUint32(42, offset, true);
  entry.set(name, ENTRY.bytes);
  return entry;
}

/**
 * The pieces of an archive of stored records, each beginning at a multiple of 64 bytes.
 * @throws CheckpointError where it would need zip64: from 4 GiB or 65,535 records on.
 */
export function archiveOf(folder: string, records: Iterable<readonly [path: string, data: Uint8Array]>): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [path, data] of records) {
    const name = new TextEncoder().encode(`${folder}/${path}`);
    const crc = crc32(data);
    const header = localHeader(name, crc, data.length, offset);
    directory.push(directoryEntry(name, crc, data.length, offset));
    pieces.push(header, data);
    offset += header.length + data.length;
    if (offset >= MAX_UINT32 || directory.length >= MAX_UINT16) fail('more than 4 GiB or 65,534 tensors; allowed: a .safetensors file');
  }
  const end = new Uint8Array(END.bytes);
  const view = new DataView(end.buffer);
  view.setUint32(0, END.signature, true);
  view.setUint16(8, directory.length, true);
  view.setUint16(10, directory.length, true);
  view.setUint32(
    12,
    directory.reduce((sum, { length }) => sum + length, 0),
    true,
  );
  view.setUint32(16, offset, true);
  return [...pieces, ...directory, end];
}

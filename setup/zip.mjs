import { closeSync, createWriteStream, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';

/**
 * A reader for zip archives, as wheels are: stored or deflated entries, CRC checked, no zip64 (nothing here is over 4 GiB).
 * Format: PKWARE APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (its end).
 */

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const END_SIZE = 22;
const ENTRY_SIZE = 46;
const LOCAL_SIZE = 30;
const LONGEST_COMMENT = 0xffff;
const ZIP64_MARK = 0xffffffff;
const CHUNK = 1 << 20;

/**
 * @typedef {object} ZipEntry
 * @property {string} name path inside the archive
 * @property {number} method 0 stored, 8 deflated
 * @property {number} crc
 * @property {number} compressedSize bytes
 * @property {number} size bytes
 * @property {number} offset of the local header, bytes
 */

/**
 * @param {string} file
 * @returns {ZipEntry[]} in the order of the central directory
 */
export function listZip(file) {
  const handle = openSync(file, 'r');
  try {
    return readDirectory(handle, file);
  } finally {
    closeSync(handle);
  }
}

/**
 * Unpacks entries, checking size and CRC of each.
 *
 * @param {string} file
 * @param {string} folder made where missing
 * @param {(name: string) => string | undefined} place the path inside `folder` for an entry's name; undefined leaves it out
 * @returns {Promise<{ files: number, bytes: number }>} what was written
 */
export async function unpackZip(file, folder, place) {
  const handle = openSync(file, 'r');
  const made = new Set();
  let files = 0;
  let bytes = 0;
  try {
    for (const entry of readDirectory(handle, file)) {
      const relative = entry.name.endsWith('/') ? undefined : place(entry.name);
      if (relative === undefined) continue;
      const path = join(folder, relative);
      if (normalize(path) !== path || relative.startsWith('/') || relative.split('/').includes('..')) {
        throw new Error(`${file}: entry "${entry.name}" would be written outside ${folder}`);
      }
      if (!made.has(dirname(path))) {
        mkdirSync(dirname(path), { recursive: true });
        made.add(dirname(path));
      }
      await writeEntry(handle, file, entry, path);
      files += 1;
      bytes += entry.size;
    }
  } finally {
    closeSync(handle);
  }
  return { files, bytes };
}

/**
 * @param {number} handle
 * @param {string} file
 * @returns {ZipEntry[]}
 */
function readDirectory(handle, file) {
  const fileSize = fstatSync(handle).size;
  const tailSize = Math.min(fileSize, END_SIZE + LONGEST_COMMENT);
  const tail = readAt(handle, file, fileSize - tailSize, tailSize);
  let end = tailSize - END_SIZE;
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end -= 1;
  if (end < 0) throw new Error(`${file}: not a whole zip archive (its end record is missing)`);
  const count = tail.readUInt16LE(end + 10);
  const size = tail.readUInt32LE(end + 12);
  const start = tail.readUInt32LE(end + 16);
  if (start === ZIP64_MARK || count === 0xffff) throw new Error(`${file}: zip64 archives are not supported`);
  return parseDirectory(readAt(handle, file, start, size), count, file);
}

/**
 * @param {Buffer} directory
 * @param {number} count
 * @param {string} file
 * @returns {ZipEntry[]}
 */
function parseDirectory(directory, count, file) {
  const entries = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + ENTRY_SIZE > directory.length || directory.readUInt32LE(at) !== ENTRY_SIGNATURE) {
      throw new Error(`${file}: entry ${i} of ${count} of the zip directory is damaged`);
    }
    const nameLength = directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString('utf8', at + ENTRY_SIZE, at + ENTRY_SIZE + nameLength),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      compressedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
    });
    at += ENTRY_SIZE + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

/**
 * @param {number} handle
 * @param {string} file
 * @param {ZipEntry} entry
 * @param {string} path
 */
async function writeEntry(handle, file, entry, path) {
  const local = readAt(handle, file, entry.offset, LOCAL_SIZE);
  if (local.readUInt32LE(0) !== LOCAL_SIGNATURE) throw new Error(`${file}: the header of "${entry.name}" is damaged`);
  if (entry.method !== 0 && entry.method !== 8)
    throw new Error(`${file}: "${entry.name}" uses compression method ${entry.method}; 0 and 8 are known`);
  const start = entry.offset + LOCAL_SIZE + local.readUInt16LE(26) + local.readUInt16LE(28);
  let crc = 0;
  let size = 0;
  const check = new Transform({
    transform(chunk, _encoding, done) {
      crc = crc32(chunk, crc);
      size += chunk.length;
      done(null, chunk);
    },
  });
  const source = Readable.from(chunksOf(handle, file, start, entry.compressedSize), { objectMode: false });
  const sink = createWriteStream(path);
  if (entry.method === 8) await pipeline(source, zlib.createInflateRaw({ chunkSize: CHUNK }), check, sink);
  else await pipeline(source, check, sink);
  if (size !== entry.size || crc !== entry.crc) {
    throw new Error(
      `${file}: "${entry.name}" is damaged (${size} bytes of ${entry.size}, checksum ${hex(crc)}, should be ${hex(entry.crc)})`,
    );
  }
}

/**
 * @param {number} handle
 * @param {string} file
 * @param {number} start
 * @param {number} length
 */
function* chunksOf(handle, file, start, length) {
  for (let done = 0; done < length; done += CHUNK) yield readAt(handle, file, start + done, Math.min(CHUNK, length - done));
}

/**
 * @param {number} handle
 * @param {string} file
 * @param {number} position
 * @param {number} length
 * @returns {Buffer}
 */
function readAt(handle, file, position, length) {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(handle, buffer, filled, length - filled, position + filled);
    if (count === 0) throw new Error(`${file}: ends at byte ${position + filled}, within what the zip directory promises`);
    filled += count;
  }
  return buffer;
}

const POLYNOMIAL = 0xedb88320;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/**
 * CRC-32 of IEEE 802.3, continued from `previous`. For Node before 20.15, whose zlib has none.
 *
 * @param {Uint8Array} bytes
 * @param {number} [previous]
 * @returns {number}
 */
export function ownCrc32(bytes, previous = 0) {
  let crc = ~previous;
  for (const byte of bytes) crc = (crc >>> 8) ^ /** @type {number} */ (TABLE[(crc ^ byte) & 0xff]);
  return ~crc >>> 0;
}

const crc32 = zlib.crc32 ?? ownCrc32;

/** @param {number} value */
const hex = (value) => value.toString(16).padStart(8, '0');

/** Cyclic redundancy checks of 32 bits, as file formats carry them. */
import * as zlib from 'node:zlib';

/** The remainders of each byte by a polynomial, whose bits stand lowest power last. */
const tableOf = (polynomial: number): Uint32Array =>
  Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value;
  });

function checksum(bytes: Uint8Array, table: Uint32Array): number {
  let crc = -1;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
}

const IEEE = tableOf(0xedb88320);
const CASTAGNOLI = tableOf(0x82f63b78);

/** For Node before 20.15, whose zlib has none. */
export const ownCrc32 = (bytes: Uint8Array): number => checksum(bytes, IEEE);

/** CRC-32 of IEEE 802.3, as zip archives carry it. */
export const crc32: (bytes: Uint8Array) => number = 'crc32' in zlib ? (bytes) => zlib.crc32(bytes) : ownCrc32;

/** CRC-32C (Castagnoli, RFC 3720), as TensorFlow's records carry it. */
export const crc32c = (bytes: Uint8Array): number => checksum(bytes, CASTAGNOLI);

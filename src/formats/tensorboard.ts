/**
 * TensorBoard's event files, written by hand: records in TensorFlow's framing (TFRecord), each an `Event` in protocol buffers
 * (tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto). Only what a training has to say: numbers, pictures,
 * and where a session begins.
 */
import { crc32c } from './crc32.ts';

/** A picture as it is stored. */
export interface EventImage {
  readonly height: number;
  readonly width: number;
  /** Channels: 1 grey, 3 RGB, 4 RGBA. */
  readonly colorspace: 1 | 3 | 4;
  /** The bytes of a PNG. */
  readonly png: Uint8Array;
}

/** One curve's point or one picture; TensorBoard groups tags by what stands before the first `/`. */
export type EventValue = { readonly tag: string } & ({ readonly scalar: number } | { readonly image: EventImage });

export type EventContent =
  /** First in every file. */
  | { readonly fileVersion: string }
  | { readonly values: readonly EventValue[] }
  /** A session begins: TensorBoard forgets what earlier files say of `step` and beyond. */
  | { readonly session: 'start' };

export type TensorBoardEvent = {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
} & EventContent;

/** What a file begins with: readers take steps to be purgeable from version 2 on. */
export const FILE_VERSION = 'brain.Event:2';

/** `SessionLog.SessionStatus.START`. */
const SESSION_START = 1;

/** How a field of a protocol buffer is stored. */
const VARINT = 0;
const BITS_64 = 1;
const BYTES = 2;
const BITS_32 = 5;

/** A whole number from 0 to 2^53: seven bits a byte, the lowest first. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

const key = (field: number, type: number): Uint8Array => varint((field << 3) | type);

const integer = (field: number, value: number): Uint8Array => Buffer.concat([key(field, VARINT), varint(value)]);

function bytes(field: number, content: Uint8Array | string): Uint8Array {
  const data = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([key(field, BYTES), varint(data.length), data]);
}

function float(field: number, value: number): Uint8Array {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return Buffer.concat([key(field, BITS_32), data]);
}

function double(field: number, value: number): Uint8Array {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(value);
  return Buffer.concat([key(field, BITS_64), data]);
}

const imageMessage = ({ height, width, colorspace, png }: EventImage): Uint8Array =>
  Buffer.concat([integer(1, height), integer(2, width), integer(3, colorspace), bytes(4, png)]);

const valueMessage = (value: EventValue): Uint8Array =>
  Buffer.concat([bytes(1, value.tag), 'scalar' in value ? float(2, value.scalar) : bytes(4, imageMessage(value.image))]);

function contentField(event: EventContent): Uint8Array {
  if ('fileVersion' in event) return bytes(3, event.fileVersion);
  if ('values' in event) return bytes(5, Buffer.concat(event.values.map((value) => bytes(1, valueMessage(value)))));
  return bytes(7, integer(1, SESSION_START));
}

/** An event as a protocol buffer. */
const eventMessage = (event: TensorBoardEvent): Uint8Array =>
  Buffer.concat([double(1, event.wallTime), integer(2, event.step), contentField(event)]);

/** A checksum of bytes that hold checksums themselves says little, so TensorFlow turns and shifts it. */
function maskedChecksum(data: Uint8Array): Uint8Array {
  const crc = crc32c(data);
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
}

/** An event as a record of an event file: its length, the length's checksum, the event, its checksum. */
export function eventRecord(event: TensorBoardEvent): Uint8Array {
  const data = eventMessage(event);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, maskedChecksum(length), data, maskedChecksum(data)]);
}

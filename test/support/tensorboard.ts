/**
 * A reader of TensorBoard's event files that shares nothing with the writer: protobufjs decodes messages by the definitions below,
 * written after TensorFlow's (tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto), and the checksum is
 * computed bit by bit.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

const definitions = `
syntax = "proto3";
package tensorflow;
message Event {
  double wall_time = 1;
  int64 step = 2;
  oneof what {
    string file_version = 3;
    bytes graph_def = 4;
    Summary summary = 5;
    SessionLog session_log = 7;
  }
}
message SessionLog {
  enum SessionStatus { STATUS_UNSPECIFIED = 0; START = 1; STOP = 2; CHECKPOINT = 3; }
  SessionStatus status = 1;
  string checkpoint_path = 2;
  string msg = 3;
}
message Summary {
  message Image {
    int32 height = 1;
    int32 width = 2;
    int32 colorspace = 3;
    bytes encoded_image_string = 4;
  }
  message Value {
    string node_name = 7;
    string tag = 1;
    oneof value {
      float simple_value = 2;
      Image image = 4;
    }
  }
  repeated Value value = 1;
}`;
const eventType = protobuf.parse(definitions).root.lookupType('tensorflow.Event');

export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion?: string;
  readonly sessionLog?: { readonly status: string };
  readonly summary?: {
    readonly value: readonly {
      readonly tag: string;
      readonly simpleValue?: number;
      readonly image?: {
        readonly height: number;
        readonly width: number;
        readonly colorspace: number;
        readonly encodedImageString: Uint8Array;
      };
    }[];
  };
}

/** CRC-32C by long division: x^32 + x^28 + x^27 + x^26 + x^25 + x^23 + ... + 1, bits reversed. */
function crc32c(data: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of data)
    for (let bit = 0; bit < 8; bit++) {
      const top = (remainder ^ (byte >> bit)) & 1;
      remainder >>>= 1;
      if (top) remainder ^= 0x82f63b78;
    }
  return (remainder ^ 0xffffffff) >>> 0;
}

/** What TensorFlow's readers expect: the checksum turned right by 15 bits, plus a constant. */
export const maskedCrc = (data: Uint8Array): number => {
  const crc = BigInt(crc32c(data));
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
};

/** The events of a file's bytes. @throws Error where a record is cut short or its checksums are wrong. */
export function parseEvents(bytes: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    if (bytes.readUInt32LE(at + 8) !== maskedCrc(bytes.subarray(at, at + 8))) throw new Error(`checksum of the length at ${at}`);
    const data = bytes.subarray(at + 12, at + 12 + length);
    if (bytes.readUInt32LE(at + 12 + length) !== maskedCrc(data)) throw new Error(`checksum of the record at ${at}`);
    // A step of 0 is the default, which objects are spared.
    events.push({ step: 0, ...eventType.toObject(eventType.decode(data), { longs: Number, enums: String }) } as ReadEvent);
    at += 16 + length;
  }
  return events;
}

/** The event files of a run, in the order that TensorBoard reads them in. */
export function readEventFiles(run: string): { readonly name: string; readonly events: ReadEvent[] }[] {
  const folder = join(run, 'tensorboard');
  const names = readdirSync(folder).sort();
  return names.map((name) => ({ name, events: parseEvents(readFileSync(join(folder, name))) }));
}

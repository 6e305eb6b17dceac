import { describe, expect, it } from 'vitest';
import { maskedCrc, parseEvents } from '../../test/support/tensorboard.ts';
import { crc32c } from './crc32.ts';
import { eventRecord, FILE_VERSION } from './tensorboard.ts';

const png = Uint8Array.from({ length: 300 }, (_, i) => i & 255);

describe('an event file, as another reader sees it', () => {
  it('holds its version, numbers, pictures and beginnings of sessions', () => {
    const bytes = Buffer.concat([
      eventRecord({ wallTime: 1_700_000_000.25, step: 0, fileVersion: FILE_VERSION }),
      eventRecord({ wallTime: 1, step: 127, values: [{ tag: 'train/loss_all', scalar: 0.1 }] }),
      eventRecord({
        wallTime: 2,
        step: 2 ** 40 + 5,
        values: [
          { tag: 'eval/Straßenbahn_IoU', scalar: 0 },
          { tag: 'eval/predictions/1', image: { height: 200, width: 70_000, colorspace: 3, png } },
        ],
      }),
      eventRecord({ wallTime: 3, step: 128, session: 'start' }),
    ]);
    expect(parseEvents(bytes)).toEqual([
      { wallTime: 1_700_000_000.25, step: 0, fileVersion: 'brain.Event:2' },
      { wallTime: 1, step: 127, summary: { value: [{ tag: 'train/loss_all', simpleValue: Math.fround(0.1) }] } },
      {
        wallTime: 2,
        step: 2 ** 40 + 5,
        summary: {
          value: [
            { tag: 'eval/Straßenbahn_IoU', simpleValue: 0 },
            { tag: 'eval/predictions/1', image: { height: 200, width: 70_000, colorspace: 3, encodedImageString: Buffer.from(png) } },
          ],
        },
      },
      { wallTime: 3, step: 128, sessionLog: { status: 'START' } },
    ]);
  });

  it('carries checksums that tell a flipped bit anywhere', () => {
    const record = Buffer.from(eventRecord({ wallTime: 1, step: 1, values: [{ tag: 'a', scalar: 2 }] }));
    for (let at = 0; at < record.length; at++) {
      const damaged = Buffer.from(record);
      damaged[at]! ^= 4;
      expect(() => parseEvents(damaged), `byte ${at}`).toThrow();
    }
  });
});

it('CRC-32C is that of RFC 3720, B.4', () => {
  const values = [new Uint8Array(32), new Uint8Array(32).fill(255), Uint8Array.from({ length: 32 }, (_, i) => i)];
  expect(values.map(crc32c)).toEqual([0x8a9136aa, 0x62a8ab43, 0x46dd794e]);
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  // What every file of TensorFlow's begins with: the checksum of the length of its first record, 24 bytes.
  expect(maskedCrc(Uint8Array.of(24, 0, 0, 0, 0, 0, 0, 0))).toBe(0x224b7fa3);
});

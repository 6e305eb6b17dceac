/** Pickles and checkpoints of PyTorch written by hand, for the tests of their reader. Each part of a pickle is a text of latin1 characters. */
import { expect } from 'vitest';
import { CheckpointError } from '../../src/base/errors.ts';
import { typedArrayOf } from '../../src/formats/named-array.ts';
import { type PthFile, readPth } from '../../src/formats/pth.ts';
import { archiveOf } from '../../src/formats/pth-zip.ts';

export const u32 = (value: number): string => String.fromCharCode(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24);
export const text = (value: string): string => `X${u32(value.length)}${value}`;
export const int = (value: number): string => `J${u32(value)}`;
export const long = (value: bigint): string =>
  `\x8a\x09${Array.from({ length: 9 }, (_, k) => String.fromCharCode(Number((value >> BigInt(8 * k)) & 255n))).join('')}`;
export const tuple = (...items: string[]): string => `(${items.join('')}t`;
export const global = (name: string): string => `c${name.slice(0, name.lastIndexOf('.'))}\n${name.slice(name.lastIndexOf('.') + 1)}\n`;
export const call = (name: string, ...args: string[]): string => `${global(name)}${tuple(...args)}R`;
export const dict = (...items: [string, string][]): string => `}(${items.map(([key, value]) => text(key) + value).join('')}u`;
export const storage = (key: string, count: string, type = 'torch.FloatStorage'): string =>
  `${tuple(text('storage'), global(type), text(key), text('cpu'), count)}Q`;
export const tensorOf = (stored: string, offset: string, shape: string[], strides: string[]): string =>
  call(
    'torch._utils._rebuild_tensor_v2',
    stored,
    offset,
    tuple(...shape),
    tuple(...strides),
    '\x89',
    `${global('collections.OrderedDict')})R`,
  );
export const floats = (count: number): Uint8Array => new Uint8Array(Float32Array.from({ length: count }, (_, i) => i).buffer);

export const bytesOf = (pickle: string): Uint8Array => Buffer.from(`\x80\x02${pickle}.`, 'latin1');
export const zipped = (pickle: string, records: readonly (readonly [string, Uint8Array])[] = [['data/0', floats(6)]]): Uint8Array =>
  Buffer.concat(archiveOf('a', [['data.pkl', bytesOf(pickle)], ...records, ['version', Buffer.from('3\n')]]));
export const good = tensorOf(storage('0', int(6)), int(0), [int(2), int(3)], [int(3), int(1)]);
export const read = (pickle: string): PthFile => readPth(zipped(pickle));
export const values = (file: PthFile, name: string): number[] => Array.from(typedArrayOf(file.tensors.get(name)!) as Float32Array);

export function refusal(open: () => unknown): string {
  try {
    open();
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

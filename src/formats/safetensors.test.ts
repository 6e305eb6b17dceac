import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { CheckpointError } from '../base/errors.ts';
import { typedArrayOf } from './named-array.ts';
import { type NamedArray, type NamedArrayType, readSafetensors, writeSafetensors } from './safetensors.ts';

const golden = process.env.DSSN_GOLDEN ?? resolve(dirname(fileURLToPath(import.meta.url)), '../../test/golden');
const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));

const float32 = (...values: number[]): NamedArray => ({
  dtype: 'F32',
  shape: [values.length],
  data: new Uint8Array(Float32Array.from(values).buffer),
});

/** A file with this header text and so many zero bytes of data. */
function fileOf(name: string, header: string, dataBytes = 0, declared?: bigint): string {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(declared ?? BigInt(text.length));
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat([length, text, Buffer.alloc(dataBytes)]));
  return path;
}

function refusal(path: string): string {
  try {
    readSafetensors(path);
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    const { message } = error as Error;
    expect(message).toContain(path);
    return message;
  }
  throw new Error(`${path} was accepted`);
}

describe('readSafetensors', () => {
  it('reads the golden files as the reference does', () => {
    const { tensors } = readSafetensors(join(golden, 'forward.safetensors'));
    const array = tensors.get('resnet50.eval')!;
    expect(array.dtype).toBe('F64');
    expect(array.shape).toEqual([2, 5, 65, 65]);
    const values = typedArrayOf(array) as Float64Array;
    expect(values.length).toBe(2 * 5 * 65 * 65);
    expect(values.every(Number.isFinite)).toBe(true);
    const mask = typedArrayOf(readSafetensors(join(golden, 'class_aware_mask.safetensors')).tensors.get('mask')!) as Uint8Array;
    expect(mask.length).toBe(2 * 33 * 33);
    expect(mask.every((value) => value <= 1)).toBe(true);
  });

  it('takes scalars, empty arrays and a file without arrays', () => {
    const path = fileOf(
      'small',
      '{"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"e":{"dtype":"I64","shape":[3,0],"data_offsets":[4,4]}}',
      4,
    );
    const { tensors } = readSafetensors(path);
    expect(tensors.get('s')!.data.length).toBe(4);
    expect(tensors.get('e')!.shape).toEqual([3, 0]);
    expect(readSafetensors(fileOf('none', '{}')).tensors.size).toBe(0);
  });

  it.each([
    ['absent dtype', '{"a":{"shape":[1],"data_offsets":[0,4]}}', 4, /dtype/],
    ['unknown dtype', '{"a":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}}', 16, /"F128".*F64, F32/],
    ['inherited dtype', '{"a":{"dtype":"toString","shape":[1],"data_offsets":[0,4]}}', 4, /toString/],
    ['negative side', '{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', 4, /shape/],
    ['fractional side', '{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,6]}}', 6, /shape/],
    ['huge side', '{"a":{"dtype":"F32","shape":[1e300],"data_offsets":[0,4]}}', 4, /shape/],
    ['overflowing product', '{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4]}}', 4, /needs/],
    ['wrong size', '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 4, /'a'.*needs 8 bytes, the file gives it 4/],
    ['past the end', '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 4, /outside the 4 bytes/],
    ['negative offset', '{"a":{"dtype":"F32","shape":[2],"data_offsets":[-4,4]}}', 4, /data_offsets/],
    ['reversed offsets', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}', 4, /outside/],
    ['one offset', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4]}}', 4, /data_offsets/],
    [
      'overlap',
      '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      8,
      /'b' overlaps/,
    ],
    [
      'gap',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}',
      12,
      /belong to no array/,
    ],
    ['rest', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 8, /holds 8 bytes of data, its header names 4/],
    ['list for header', '[1]', 0, /not a JSON object/],
    ['no JSON', '{"a":', 0, /not JSON/],
    ['entry is null', '{"a":null}', 0, /not an object/],
    ['metadata number', '{"__metadata__":{"k":1}}', 0, /'k' is not a text/],
    ['metadata list', '{"__metadata__":[]}', 0, /__metadata__ is not an object/],
  ])('refuses a hostile header: %s', (name, header, dataBytes, message) => {
    expect(refusal(fileOf(name.replaceAll(' ', '-'), header, dataBytes))).toMatch(message);
  });

  it('refuses a header longer than the file before it takes memory for it, and one that is not UTF-8', () => {
    expect(refusal(fileOf('long', '{}', 0, 2n ** 62n))).toMatch(/declares a header of 4611686018427388000 bytes, at most 2/);
    const path = fileOf('utf', '{"a":1}');
    const bytes = readFileSync(path);
    bytes[10] = 0xff;
    writeFileSync(path, bytes);
    expect(refusal(path)).toMatch(/UTF-8/);
  });

  it('refuses every truncation of a good file, a folder and an absent file', () => {
    const path = join(folder, 'whole');
    writeSafetensors(path, [['weight', float32(1, 2, 3)]], { format: '1' });
    const { length } = readFileSync(path);
    for (let cut = 0; cut < length; cut++) {
      writeFileSync(`${path}.cut`, readFileSync(path));
      truncateSync(`${path}.cut`, cut);
      refusal(`${path}.cut`);
    }
    refusal(folder);
    expect(refusal(join(folder, 'absent'))).toMatch(/cannot be opened.*ENOENT/);
  });
});

describe('writeSafetensors', () => {
  const types: NamedArrayType[] = ['F64', 'F32', 'F16', 'BF16', 'I64', 'I32', 'I16', 'I8', 'U8', 'BOOL'];
  const size = (dtype: NamedArrayType): number =>
    ({ F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 })[dtype];
  const arrays = fc.dictionary(
    fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__'),
    fc.record({ dtype: fc.constantFrom(...types), shape: fc.array(fc.nat(4), { maxLength: 3 }) }).map(
      ({ dtype, shape }): NamedArray => ({
        dtype,
        shape,
        data: Uint8Array.from({ length: shape.reduce((a, b) => a * b, size(dtype)) }, (_, i) => (i * 37) & 255),
      }),
    ),
  );

  it('gives back what was written: names, types, shapes, bytes, metadata', async () => {
    const path = join(folder, 'round');
    await fc.assert(
      fc.asyncProperty(arrays, fc.dictionary(fc.string(), fc.string()), async (written, metadata) => {
        writeSafetensors(path, Object.entries(written), metadata);
        const read = readSafetensors(path);
        expect(new Map(read.tensors)).toEqual(new Map(Object.entries(written)));
        expect(Object.entries(read.metadata).sort()).toEqual(Object.entries(metadata).sort());
      }),
      { numRuns: 60 },
    );
  });

  it('starts every array at a multiple of its element size, and keeps the order within a size', () => {
    const path = join(folder, 'order');
    const byte: NamedArray = { dtype: 'U8', shape: [3], data: new Uint8Array(3) };
    const count: NamedArray = { dtype: 'I64', shape: [], data: new Uint8Array(8) };
    writeSafetensors(path, [
      ['b', byte],
      ['10', float32(1)],
      ['9', float32(2)],
      ['n', count],
    ]);
    expect([...readSafetensors(path).tensors.keys()]).toEqual(['n', '10', '9', 'b']);
    const bytes = readFileSync(path);
    expect(Number(bytes.readBigUInt64LE(0)) % 8).toBe(0);
  });

  it('replaces a file as a whole, leaves nothing beside it, and keeps the old one where it fails', () => {
    const inner = mkdtempSync(join(folder, 'atomic-'));
    const path = join(inner, 'new', 'weights.safetensors');
    writeSafetensors(path, [['a', float32(1)]]);
    writeSafetensors(path, [['a', float32(2)]]);
    expect(() => writeSafetensors(path, [['a', { dtype: 'F32', shape: [2], data: new Uint8Array(4) }]])).toThrow(
      /'a'.*needs 8 bytes, got 4/,
    );
    expect(() =>
      writeSafetensors(path, [
        ['a', float32(3)],
        ['a', float32(4)],
      ]),
    ).toThrow(/'a' is taken/);
    expect(() => writeSafetensors(join(path, 'x'), [['a', float32(3)]])).toThrow(CheckpointError);
    expect(typedArrayOf(readSafetensors(path).tensors.get('a')!)).toEqual(Float32Array.of(2));
    expect(readdirSync(dirname(path))).toEqual(['weights.safetensors']);
  });
});

describe('typedArrayOf', () => {
  it('widens half and bfloat16 as PyTorch 2.13 does', () => {
    const halves = Int16Array.of(15872, -19456, 31743, 1, 31744);
    expect(typedArrayOf({ dtype: 'F16', shape: [5], data: new Uint8Array(halves.buffer) })).toEqual(
      Float32Array.of(1.5, -0.25, 65504, 2 ** -24, Number.POSITIVE_INFINITY),
    );
    const brains = Int16Array.of(16320, -16768, 32610, 1);
    expect(typedArrayOf({ dtype: 'BF16', shape: [4], data: new Uint8Array(brains.buffer) })).toEqual(
      Float32Array.of(1.5, -0.25, 3.00405527047391e38, 9.183549615799121e-41),
    );
  });

  it('reads unaligned bytes and 64-bit integers', () => {
    const backing = new Uint8Array(17);
    new DataView(backing.buffer).setBigInt64(1, -(2n ** 60n), true);
    new DataView(backing.buffer).setBigInt64(9, 7n, true);
    expect(typedArrayOf({ dtype: 'I64', shape: [2], data: backing.subarray(1) })).toEqual(BigInt64Array.of(-(2n ** 60n), 7n));
  });
});

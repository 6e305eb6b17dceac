/** Checkpoints that PyTorch wrote (golden/pth): its own numbers, and files that must be refused. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { goldenFolder, goldenTensors } from '../../test/support/golden.ts';
import { CheckpointError } from '../base/errors.ts';
import { typedArrayOf } from './named-array.ts';
import { readPth } from './pth.ts';
import { writePth } from './pth-write.ts';
import { readWeightsFile } from './weights-file.ts';

const fileOf = (name: string): string => join(goldenFolder, 'pth', name);
const expected = goldenTensors('pth/expected.safetensors');
const dtypes = {
  'conv1.0.weight': 'F32',
  'bn1.weight': 'F32',
  'bn1.num_batches_tracked': 'I64',
  half: 'F16',
  bf16: 'BF16',
  transposed: 'F32',
  scalar: 'F32',
  empty: 'F32',
  double: 'F64',
  view_a: 'F32',
  view_b: 'F32',
};

describe('checkpoints of PyTorch', () => {
  it.each([
    ['state_dict.zip.pth', null, []],
    ['state_dict.legacy.pth', null, []],
    [
      'checkpoint.pth',
      'model',
      [
        ['optimizer', null],
        ['epoch', 12],
        ['previous_best', 71.25],
      ],
    ],
  ] as const)('%s: every name, type, shape and value', (name, entry, others) => {
    const file = readWeightsFile(fileOf(name));
    expect([file.format, file.entry, [...file.others]]).toEqual(['pth', entry, others]);
    expect(Object.fromEntries([...file.tensors].map(([key, { dtype }]) => [key, dtype]))).toEqual(dtypes);
    expect([...file.tensors.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [key, array] of file.tensors) {
      expect([...array.shape], key).toEqual([...expected.get(key)!.shape]);
      // Widened to doubles, as the expected numbers are: not one bit may differ.
      expect(Float64Array.from(typedArrayOf(array) as Float64Array, Number), key).toEqual(expected.get(key)!.values);
    }
  });

  it.each([
    [
      'hostile.zip.pth',
      /hostile\.zip\.pth: .*its pickle names posix\.system; allowed: torch\._utils\._rebuild_tensor_v2.*nothing of the file was run/,
    ],
    ['hostile.legacy.pth', /hostile\.legacy\.pth: .*its pickle names posix\.system/],
    ['truncated.zip.pth', /truncated\.zip\.pth: .*its zip archive is damaged or cut short: its end record is missing/],
    ['truncated.legacy.pth', /truncated\.legacy\.pth: .*it ends inside storage \d+/],
  ])('%s is refused', (name, message) => {
    const read = () => readWeightsFile(fileOf(name));
    expect(read).toThrow(CheckpointError);
    expect(read).toThrow(message);
  });

  it('every truncation of the good files is refused', () => {
    for (const name of ['state_dict.zip.pth', 'state_dict.legacy.pth', 'checkpoint.pth']) {
      const bytes = readFileSync(fileOf(name));
      for (let length = 0; length < bytes.length; length++)
        expect(() => readPth(bytes.subarray(0, length)), `${name} cut to ${length}`).toThrow(CheckpointError);
    }
  });

  it('what is written again is read as it was', () => {
    const { tensors } = readWeightsFile(fileOf('checkpoint.pth'));
    const again = readPth(Buffer.concat(writePth(tensors)));
    expect([...again.tensors]).toEqual([...tensors]);
  });
});

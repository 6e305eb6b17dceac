import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseSettings, type Machine } from './init-settings.ts';

const small: Machine = { cores: 2, memory: 16, cuda: false, precision: 'bf16' };
const many = { labelled: 40, unlabelled: 300 };
const sized = (width: number, height: number) => [{ width, height }];

describe('chooseSettings', () => {
  it('gives CamVid on two cores what its own configuration has', () => {
    expect(chooseSettings(sized(480, 360), many, small)).toEqual({
      method: 'dssn',
      backbone: 'resnet18',
      stem: 'standard',
      decoder_channels: 64,
      long_side: 240,
      crop_size: 97,
      batch_size: 4,
      burn_in: 0.5,
      iterations: 3000,
      lr: 0.02,
      lr_multi: 1,
      precision: 'bf16',
      eval_every: 500,
    });
  });

  it('asks more of larger machines, and less of little memory', () => {
    const of = (machine: Partial<Machine>) => chooseSettings(sized(2048, 1024), many, { ...small, ...machine });
    expect([of({}), of({ cores: 8 }), of({ cores: 64 }), of({ cuda: true })].map((s) => [s.backbone, s.long_side, s.crop_size])).toEqual([
      ['resnet18', 240, 97],
      ['resnet18', 320, 129],
      ['resnet34', 480, 193],
      ['resnet50', 1024, 321],
    ]);
    expect([of({}).batch_size, of({ memory: 2 }).batch_size, of({ cuda: true, memory: 2 }).batch_size]).toEqual([4, 2, 8]);
    expect([of({ precision: 'fp32' }).precision, of({ cuda: true }).precision]).toEqual(['fp32', 'fp32']);
  });

  it('leaves small images as they are, and takes nearly all of each', () => {
    const of = (width: number, height: number) => {
      const { long_side, crop_size } = chooseSettings(sized(width, height), many, small);
      return [long_side, crop_size];
    };
    expect([of(128, 96), of(48, 36), of(16, 16), of(36, 48), of(1000, 20)]).toEqual([
      [null, 65],
      [null, 49],
      [null, 33],
      [null, 49],
      [240, 33],
    ]);
  });

  it('never asks for a batch that the lists cannot fill', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 40 }), fc.boolean(), (labelled, unlabelled, cuda) => {
        fc.pre(labelled + unlabelled > 1 && !(labelled === 1 && unlabelled === 0));
        const { method, batch_size, burn_in } = chooseSettings(sized(100, 100), { labelled, unlabelled }, { ...small, cuda });
        expect(batch_size).toBeGreaterThan(0);
        expect(method).toBe(unlabelled > 0 ? 'dssn' : 'supervised');
        // The loader's rule: a list, repeated to the length of the longer one, fills at least one batch; twice that from labels alone.
        if (method === 'supervised' || burn_in > 0) expect(2 * batch_size).toBeLessThanOrEqual(labelled);
        else expect(batch_size).toBeLessThanOrEqual(Math.max(labelled, unlabelled));
      }),
    );
  });
});

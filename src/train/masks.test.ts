import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scope } from '../torch/index.ts';
import { dropoutMasks } from './masks.ts';

/** A mask's values in the order of its shape. */
function values(shape: readonly number[], rate: number, { seed = 1, iteration = 0, pass = 'weak', part = 'fuse' } = {}): number[] {
  using _ = scope();
  const mask = dropoutMasks(seed, iteration, pass, 'cpu')(part, rate, shape);
  expect([mask.shape, mask.dtype]).toEqual([shape, 'uint8']);
  return [...mask.toTyped()].map(Number);
}

describe('masks of dropout', () => {
  it.each([0.1, 0.5, 0.9])('drop a share of %f, independently of each other', (rate) => {
    const kept = values([2, 16, 50, 50], rate);
    const n = kept.length;
    const deviation = Math.sqrt(rate * (1 - rate));
    const share = kept.filter((v) => v === 0).length / n;
    // five standard errors
    expect(Math.abs(share - rate)).toBeLessThan((5 * deviation) / Math.sqrt(n));
    // neighbours along each dimension, and in memory (channels last)
    for (const step of [1, 50, 2500]) {
      const products = kept.slice(step).map((v, i) => ((v - 1 + rate) * (kept[i]! - 1 + rate)) / deviation ** 2);
      expect(Math.abs(products.reduce((a, b) => a + b, 0) / products.length), `step ${step}`).toBeLessThan(5 / Math.sqrt(products.length));
    }
  });

  it('follow from seed, iteration, pass and part, and from nothing else', () => {
    const shape = [2, 30, 3, 3];
    const first = values(shape, 0.5);
    expect(values(shape, 0.5)).toEqual(first);
    for (const other of [{ seed: 2 }, { iteration: 1 }, { pass: 'strong' }, { part: 'aspp' }])
      expect(values(shape, 0.5, other)).not.toEqual(first);
    expect(first.slice(0, 270)).not.toEqual(first.slice(270));
  });

  it('of an image do not depend on its batch, at any rate and size; a share of nothing drops nothing', () => {
    const size = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), size, size, size, size, (rate, n, c, h, w) => {
        const each = c * h * w;
        const [alone, together] = [values([n, c, h, w], rate), values([n + 1, c, h, w], rate)];
        expect(together.slice(0, n * each)).toEqual(alone);
        expect(together.every((v) => v === 0 || v === 1)).toBe(true);
        if (rate === 0) expect(together.includes(0)).toBe(false);
      }),
      { numRuns: 50 },
    );
  });
});

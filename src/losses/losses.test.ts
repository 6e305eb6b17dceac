import { describe, expect, it } from 'vitest';
import { ops, scope, type Tensor, tensor } from '../torch/index.ts';
import { contrastive, ignoreLabel, maskedCrossEntropy, meanCrossEntropy, ohemCrossEntropy, standardise } from './index.ts';

/** Logits [1, 2, 1, W] whose softmax gives class 0 these probabilities. */
function logitsOf(probabilities: readonly number[]): Tensor {
  const t = tensor(Float64Array.from([...probabilities.map(Math.log), ...probabilities.map((p) => Math.log(1 - p))]), [
    1,
    2,
    1,
    probabilities.length,
  ]);
  t.requiresGrad = true;
  return t;
}
const labels = (values: readonly number[]) => tensor(BigInt64Array.from(values, BigInt), [1, 1, values.length]);
const mask = (values: readonly number[]) => tensor(Uint8Array.from(values), [1, 1, values.length]).to('bool');
const gradient = (loss: Tensor, leaf: Tensor) => {
  loss.backward();
  return [...(leaf.grad!.toTyped() as Float64Array)];
};
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe('cross entropy', () => {
  it('is the mean over labelled pixels', () => {
    using _ = scope();
    const loss = meanCrossEntropy(logitsOf([0.9, 0.6, 0.3, 0.2]), labels([0, 1, 0, ignoreLabel]));
    expect(loss.item()).toBeCloseTo(mean([-Math.log(0.9), -Math.log(0.4), -Math.log(0.3)]), 12);
  });

  it('counts kept and valid pixels, over the number of valid ones', () => {
    using _ = scope();
    const logits = logitsOf([0.9, 0.6, 0.3, 0.2]);
    const loss = maskedCrossEntropy(logits, labels([0, 0, 0, 0]), mask([1, 0, 1, 1]), mask([1, 1, 1, 0]));
    expect(loss.item()).toBeCloseTo((-Math.log(0.9) - Math.log(0.3)) / 3, 12);
    const g = gradient(loss, logits);
    expect([g[1], g[3], g[5], g[7]]).toEqual([0, 0, 0, 0]);
    expect(g[0]).toBeCloseTo((0.9 - 1) / 3, 12);
  });

  it.each([
    ['no labelled pixel', (logits: Tensor) => meanCrossEntropy(logits, labels([255, 255]))],
    ['no valid pixel', (logits: Tensor) => maskedCrossEntropy(logits, labels([0, 0]), mask([1, 1]), mask([0, 0]))],
    ['no kept pixel', (logits: Tensor) => maskedCrossEntropy(logits, labels([0, 0]), mask([0, 0]), mask([1, 1]))],
    ['no labelled pixel for OHEM', (logits: Tensor) => ohemCrossEntropy(logits, labels([255, 255]), { threshold: 0.7, minKept: 1 })],
  ] as const)('%s: 0, and a gradient of 0', (_name, loss) => {
    using _ = scope();
    const logits = logitsOf([0.9, 0.2]);
    const value = loss(logits);
    expect(value.item()).toBe(0);
    expect(gradient(value, logits).map(Math.abs)).toEqual([0, 0, 0, 0]);
  });

  it.each([
    [1, [0.6, 0.5]],
    [2, [0.6, 0.5]],
    [3, [0.8, 0.6, 0.5]],
    [4, [0.9, 0.8, 0.6, 0.5]],
    [5, [0.9, 0.8, 0.6, 0.5]],
  ])('OHEM with threshold 0.7 and at least %i pixels keeps those of probability %j', (minKept, kept) => {
    using _ = scope();
    const logits = logitsOf([0.9, 0.6, 0.99, 0.5, 0.8]);
    const loss = ohemCrossEntropy(logits, labels([0, 0, 255, 0, 0]), { threshold: 0.7, minKept });
    expect(loss.item()).toBeCloseTo(mean(kept.map((p) => -Math.log(p))), 12);
  });
});

describe('contrastive', () => {
  const logits = (values: readonly number[], dtype: 'float32' | 'float64' = 'float64') => {
    const t = tensor(Float64Array.from(values), [1, 3, 1, values.length / 3])
      .to(dtype)
      .detach();
    t.requiresGrad = true;
    return t;
  };

  it('standardises by the sample deviation, by hand', () => {
    using _ = scope();
    // pixel 0: 1, 2, 6 has the mean 3 and the variance (4 + 1 + 9) / 2 = 7; pixel 1 is pixel 0 times ten
    const z = [...(standardise(logits([1, 10, 2, 20, 6, 60])).toTyped() as Float64Array)];
    const expected = [-2, -2, -1, -1, 3, 3].map((v) => v / Math.sqrt(7));
    for (const [i, v] of expected.entries()) expect(z[i]).toBeCloseTo(v, 12);
  });

  it.each([
    ['float64', 0],
    ['float64', 0.1],
    ['float32', 0.1],
    ['float32', -1234.567],
  ] as const)('a pixel of equal logits is 0 and gets no gradient: %s, %f', (dtype, value) => {
    using _ = scope();
    const flat = logits([value, 1, value, 2, value, 4], dtype);
    const z = [...(standardise(flat).toTyped() as Float64Array)];
    expect([z[0]!, z[2]!, z[4]!].map(Math.abs)).toEqual([0, 0, 0]);
    const g = gradient(contrastive(flat, logits([1, 1, 2, 2, 3, 3], dtype).detach()), flat);
    expect(g.every(Number.isFinite)).toBe(true);
    expect([g[0]!, g[2]!, g[4]!].map(Math.abs)).toEqual([0, 0, 0]);
    expect(Math.abs(g[1]!)).toBeGreaterThan(0);
  });

  it('does not change under a shift or a scale of a pixel, and is 0 for equal views', () => {
    using _ = scope();
    const a = logits([1, 5, 2, -3, 6, 0.5]);
    expect(contrastive(a, a.detach().mul(3).add(7)).item()).toBeLessThan(1e-24);
    const b = logits([2, 5, 1, -3, 6, 0.5]);
    expect(contrastive(a, b).item()).toBeGreaterThan(0.01);
    expect(contrastive(a, b).item()).toBeCloseTo(contrastive(b, a).item(), 14);
  });

  it('draws both views: the gradient flows through both', () => {
    using _ = scope();
    const a = logits([1, 2, 6]);
    const b = logits([3, 2, 1]);
    contrastive(a, b).backward();
    for (const t of [a, b]) expect(ops.norm(t.grad!).item()).toBeGreaterThan(0.01);
  });
});

import { describe, expect, it } from 'vitest';
import { ConfigError } from '../base/errors.ts';
import { scope, type Tensor, tensor } from '../torch/index.ts';
import { cutMix } from './cutmix.ts';
import { type MethodOptions, methods } from './index.ts';
import type { StepContext } from './method.ts';
import { labelledLoss } from './options.ts';
import { selection, selectionRules } from './selection.ts';

const options = { high: 0.92, ratio: 0.96, confidence: 0.95 };
/** [1, 2, 1, W] logits whose softmax gives class 0 these probabilities. */
const logitsOf = (...images: readonly number[][]): Tensor =>
  tensor(
    Float64Array.from(images.flatMap((probabilities) => [...probabilities.map(Math.log), ...probabilities.map((p) => Math.log(1 - p))])),
    [images.length, 2, 1, images[0]!.length],
  );
const kept = (mask: Tensor) => [...(mask.toTyped() as Uint8Array)];

describe('class-aware selection', () => {
  const select = selection('class-aware', options);

  it('keeps pixels above 0.96 of the best of a class that is somewhere sure', () => {
    using _ = scope();
    // class 0: best 0.95, threshold 0.912; class 1: best 0.94, threshold 0.9024
    expect(kept(select(logitsOf([0.95, 0.913, 0.911, 0.5, 0.06, 0.0975, 0.0977])))).toEqual([1, 1, 0, 0, 1, 1, 0]);
  });

  it('selects nothing of a class whose best is below 0.92', () => {
    using _ = scope();
    expect(kept(select(logitsOf([0.919, 0.919, 0.5, 0.1])))).toEqual([0, 0, 0, 0]);
    expect(kept(select(logitsOf([0.919, 0.919, 0.5, 0.05])))).toEqual([0, 0, 0, 1]);
  });

  it('takes thresholds of each image by itself', () => {
    using _ = scope();
    // 0.93 is above 0.96 x 0.94 and below 0.96 x 0.99
    expect(kept(select(logitsOf([0.94, 0.93], [0.99, 0.93])))).toEqual([1, 1, 1, 0]);
  });

  it('is strict at equality', () => {
    using _ = scope();
    const half = logitsOf([0.5, 0.5]);
    expect(kept(selection('class-aware', { high: 0.5, ratio: 0.5, confidence: 0 })(half))).toEqual([0, 0]);
    expect(kept(selection('class-aware', { high: 0.4, ratio: 1, confidence: 0 })(half))).toEqual([0, 0]);
    expect(kept(selection('class-aware', { high: 0.4, ratio: 0.99, confidence: 0 })(half))).toEqual([1, 1]);
  });
});

describe('other rules', () => {
  it('fixed keeps from the confidence on; none keeps all', () => {
    using _ = scope();
    const logits = logitsOf([0.5, 0.6, 0.4, 0.96]);
    expect(kept(selection('fixed', { ...options, confidence: 0.5 })(logits))).toEqual([1, 1, 1, 1]);
    expect(kept(selection('fixed', options)(logits))).toEqual([0, 0, 0, 1]);
    expect(kept(selection('none', options)(logits))).toEqual([1, 1, 1, 1]);
    for (const rule of selectionRules) {
      const mask = selection(rule, options)(logits);
      expect([mask.dtype, mask.shape], rule).toEqual(['bool', [1, 1, 4]]);
    }
  });

  it('an unknown rule is told with the nearest and the allowed ones', () => {
    expect(() => selection('class-awar', options)).toThrow(ConfigError);
    expect(() => selection('class-awar', options)).toThrow(/did you mean 'class-aware'.*allowed: class-aware, fixed, none/);
  });
});

describe('cutMix', () => {
  const filled = (value: number, shape: number[]) => tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value), shape);
  //                    image 0: 2 rows from row 1, 3 columns from column 2; image 1: no box
  const boxes = Int32Array.of(1, 2, 2, 3, 0, 0, 0, 0);
  const expected = (n: number, y: number, x: number) => (n === 0 && y >= 1 && y < 3 && x >= 2 && x < 5 ? 2 : 1);

  it.each([
    ['images', [2, 3, 4, 6], 'float32'],
    ['labels', [2, 4, 6], 'int64'],
    ['masks', [2, 4, 6], 'bool'],
  ] as const)('pastes exactly the box into %s, and leaves its arguments alone', (_name, shape, dtype) => {
    using _ = scope();
    const zero = dtype === 'bool' ? 0 : 1;
    const base = filled(zero, [...shape]).to(dtype);
    const other = filled(zero + 1, [...shape]).to(dtype);
    const mixed = [...(cutMix(base, other, boxes).toTyped() as Float32Array)].map(Number);
    const [width, height] = [6, 4];
    const perImage = mixed.length / 2;
    for (const [i, value] of mixed.entries()) {
      const x = i % width;
      const y = Math.floor(i / width) % height;
      expect(value - zero + 1, `at ${y}, ${x}`).toBe(expected(Math.floor(i / perImage), y, x));
    }
    expect(new Set([...(base.toTyped() as Float32Array)].map(Number))).toEqual(new Set([zero]));
  });

  it('reaches the border, and records no gradient', () => {
    using _ = scope();
    const base = filled(1, [1, 1, 3, 3]);
    base.requiresGrad = true;
    const mixed = cutMix(base, filled(2, [1, 1, 3, 3]), Int32Array.of(0, 0, 3, 3));
    expect([...(mixed.toTyped() as Float32Array)]).toEqual(new Array(9).fill(2));
    expect(mixed.requiresGrad).toBe(false);
  });
});

it('the registry names its methods as they name themselves', () => {
  const loss = {
    labelled: 'ce',
    ohem_threshold: 0.7,
    ohem_min_kept_per_image: 1,
    weight_strong: 1,
    weight_feature: 1,
    weight_contrastive: 1,
  } as const;
  const select = { rule: 'none', high: 0.92, ratio: 0.96, conf_thresh: 0 };
  for (const [name, create] of Object.entries(methods)) expect(create({ loss, select }).name).toBe(name);
});

describe('the loss on labelled images', () => {
  const ohem: MethodOptions = {
    loss: {
      labelled: 'ohem',
      ohem_threshold: 0.7,
      ohem_min_kept_per_image: 2,
      weight_strong: 1,
      weight_feature: 1,
      weight_contrastive: 1,
    },
    select: { rule: 'none', high: 0, ratio: 0, conf_thresh: 0 },
  };
  const labels = tensor(new BigInt64Array(8), [2, 1, 4]);
  const logits = () => logitsOf([0.99, 0.98, 0.97, 0.96], [0.95, 0.9, 0.85, 0.8]);

  it('of OHEM keeps so many pixels for each image of the batch', () => {
    using _ = scope();
    // Twice two: 0.8, 0.85, 0.9, 0.95; of one image's two there were 0.8 and 0.85.
    const expected = -[0.8, 0.85, 0.9, 0.95].reduce((sum, p) => sum + Math.log(p), 0) / 4;
    expect(labelledLoss(ohem)(logits(), labels).item()).toBeCloseTo(expected, 9);
  });

  it.each(['st', 'stpp'] as const)('of %s is plain cross entropy on every dataset, and its rate lags behind by nothing', (name) => {
    using _ = scope();
    const method = methods[name](ohem);
    expect(method.rateLag).toBe(0);
    expect(method.rounds).toEqual(name === 'st' ? ['all'] : ['reliable', 'all']);
    const context = {
      student: { forward: logits },
      precision: (f: () => Tensor) => f(),
      dropout: () => undefined,
      learn: (t: Tensor) => t,
    };
    const { loss } = method.step({ labelled: { images: labels, labels } }, context as unknown as StepContext);
    const expected = -[0.99, 0.98, 0.97, 0.96, 0.95, 0.9, 0.85, 0.8].reduce((sum, p) => sum + Math.log(p), 0) / 8;
    expect(loss.item()).toBeCloseTo(expected, 9);
  });
});

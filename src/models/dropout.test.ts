import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { liveTensors, noGrad, ops, scope, type Tensor, tensor } from '../torch/index.ts';
import { dropout } from './dropout.ts';
import { DeepLabV3Plus, type DrawMask, type FeatureDrop } from './index.ts';

const list = (t: Tensor): number[] => [...t.toTyped()].map(Number);
const numbers = (shape: readonly number[], shift = 0): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.37 + shift) * 2),
    shape,
  );
/** Keeps two of three values. */
const twoOfThree: DrawMask = (_part, _rate, shape) =>
  tensor(
    Uint8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i % 3 === 0 ? 0 : 1)),
    shape,
  );
const never: DrawMask = () => {
  throw new Error('nobody should draw');
};

describe('dropout', () => {
  it.each([
    ['values', [2, 3, 2, 2]],
    ['channels', [2, 3, 1, 1]],
  ] as const)('of %s multiplies what is kept, and gradients pass through it alone', (what, shape) => {
    using _ = scope();
    const x = numbers([2, 3, 2, 2]);
    x.requiresGrad = true;
    const before = liveTensors();
    const y = dropout(x, 0.5, what, 'here', (part, rate, asked) => {
      expect([part, rate, asked]).toEqual(['here', 0.5, shape]);
      return twoOfThree(part, rate, asked);
    });
    expect(liveTensors() - before).toBe(1);
    const kept = list(twoOfThree('', 0, shape).expand(2, 3, 2, 2));
    expect(new Set(kept)).toEqual(new Set([0, 1]));
    expect(list(y)).toEqual(list(x).map((v, i) => v * kept[i]! * 2));
    y.mul(numbers([2, 3, 2, 2], 1))
      .sum()
      .backward();
    expect(list(x.grad!)).toEqual(list(numbers([2, 3, 2, 2], 1)).map((v, i) => v * 2 * kept[i]!));
  });

  it.each(['float32', 'bfloat16'] as const)('stays in %s', (dtype) => {
    using _ = scope();
    expect(dropout(numbers([1, 3, 2, 2]).to(dtype), 0.5, 'values', '', twoOfThree).dtype).toBe(dtype);
  });
});

describe("the network's own dropout", () => {
  const options = { backbone: 'resnet10', stem: 'standard', classes: 3, decoderChannels: 8 } as const;
  const build = (rates: { asppDropout?: number; fuseDropout?: number }) =>
    new DeepLabV3Plus({ ...options, ...rates }).initialise(2).to('float64');
  const x = () => numbers([2, 3, 17, 25]);

  it('of the published ST++ has the names of the network without it', () => {
    using _ = scope();
    const network = new DeepLabV3Plus({
      ...{ backbone: 'resnet50', classes: 21, stem: 'standard', outputStride: 8, asppDropout: 0.5, fuseDropout: 0.1 },
    });
    const lines = [...network.stateDict()].map(([name, t]) => `${name} ${t.shape.join('x')}`);
    // The contract of resnet50 with the standard stem in models.test.ts.
    expect(createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16)).toBe('8e303e3dc06a14b3');
  });

  it('drops channels after the projection and values after fuse, in training alone', () => {
    using _ = scope();
    const network = build({ asppDropout: 0.5, fuseDropout: 0.1 });
    const plain = build({});
    noGrad(() => {
      expect(list(network.forward(x(), false, never))).toEqual(list(plain.forward(x(), false)));
      const asked: unknown[] = [];
      const dropped = network.forward(x(), true, (part, rate, shape) => {
        asked.push([part, rate, shape]);
        return twoOfThree(part, rate, shape);
      });
      expect(asked).toEqual([
        ['aspp', 0.5, [2, 64, 1, 1]],
        ['fuse', 0.1, [2, 8, 5, 7]],
      ]);
      expect(list(dropped)).not.toEqual(list(plain.forward(x(), true)));
    });
  });

  it('with all channels of fuse dropped leaves the bias of the classifier, with those of the projection dropped more', () => {
    using _ = scope();
    const none: DrawMask = (_part, _rate, shape) => ops.full(shape, 0, { dtype: 'uint8' });
    const bias = (network: DeepLabV3Plus) => list(network.stateDict().get('classifier.bias')!.reshape(1, 3, 1, 1).expand(2, 3, 17, 25));
    const away = (network: DeepLabV3Plus) => {
      const expected = bias(network);
      return Math.max(...list(noGrad(() => network.forward(x(), true, none))).map((v, i) => Math.abs(v - expected[i]!)));
    };
    expect(away(build({ fuseDropout: 0.1 }))).toBeLessThan(1e-12);
    expect(away(build({ asppDropout: 0.5 }))).toBeGreaterThan(0.01);
  });

  it('draws nothing where both rates are 0, and asks for masks where one is not', () => {
    using _ = scope();
    expect(noGrad(() => build({}).forward(x(), true, never)).shape).toEqual([2, 3, 17, 25]);
    for (const rates of [{ asppDropout: 0.5 }, { fuseDropout: 0.5 }])
      expect(() => build(rates).forward(x(), true)).toThrow(/(aspp|fuse) drops 0\.5 of its (channels|values) in training/);
  });

  it.each([
    ['shared', ['aspp 6', 'fuse 6']],
    ['separate', ['aspp 2', 'fuse 2', 'perturbed aspp 4', 'perturbed fuse 4']],
  ] as const)('gives perturbed features masks of their own, batch norm %s', (rule, expected) => {
    using _ = scope();
    const ones = (): FeatureDrop => ({
      low: ops.full([2, 64, 1, 1], 1, { dtype: 'float64' }),
      high: ops.full([2, 512, 1, 1], 1, { dtype: 'float64' }),
    });
    const asked: string[] = [];
    const draw: DrawMask = (part, rate, shape) => {
      asked.push(`${part} ${shape[0]}`);
      return twoOfThree(part, rate, shape);
    };
    noGrad(() => build({ asppDropout: 0.5, fuseDropout: 0.1 }).forwardWithDrops(x(), true, [ones(), ones()], rule, draw));
    expect(asked).toEqual(expected);
  });
});

import { describe, expect, it } from 'vitest';
import { CheckpointError, TorchError } from '../base/errors.ts';
import { liveTensors, noGrad, ops, scope, type Tensor, tensor } from '../torch/index.ts';
import { BatchNorm2d, Conv2d, convBnRelu, initialise, type Layer, Module, Sequential } from './index.ts';

class Branch extends Module {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;
  constructor(channels: number) {
    super();
    this.conv = new Conv2d(channels, 6, 3, { padding: 1 });
    this.bn = new BatchNorm2d(6);
  }
}
class Network extends Module {
  readonly backbone: Branch;
  readonly head: Sequential;
  readonly absent: Layer | undefined = undefined;
  constructor(channels = 3) {
    super();
    this.backbone = new Branch(channels);
    this.head = new Sequential([...convBnRelu(6, 4, 1), new Conv2d(4, 2, 1, { bias: true })]);
  }
}
const isBackbone = (path: string) => path.startsWith('backbone.');
const list = (t: Tensor) => [...(t.toTyped() as Float32Array)];
const state = (module: Module) => Object.fromEntries([...module.stateDict()].map(([name, t]) => [name, list(t)]));
const input = () =>
  tensor(
    Float32Array.from({ length: 2 * 3 * 5 * 5 }, (_, i) => Math.sin(i)),
    [2, 3, 5, 5],
  );

describe('module tree', () => {
  it('names parameters by the path of properties, in the order of construction', () => {
    const network = new Network();
    expect([...network.namedParameters()].map(([name]) => name)).toEqual([
      'backbone.conv.weight',
      'backbone.bn.weight',
      'backbone.bn.bias',
      'head.0.weight',
      'head.1.weight',
      'head.1.bias',
      'head.3.weight',
      'head.3.bias',
    ]);
    expect([...network.stateDict().keys()].filter((name) => name.startsWith('head.1.'))).toEqual([
      'head.1.weight',
      'head.1.bias',
      'head.1.running_mean',
      'head.1.running_var',
      'head.1.num_batches_tracked',
    ]);
    expect([...network.namedModules()].map(([path]) => path)).toEqual([
      '',
      'backbone',
      'backbone.conv',
      'backbone.bn',
      'head',
      'head.0',
      'head.1',
      'head.2',
      'head.3',
    ]);
    expect(network.parameterCount()).toBe(3 * 6 * 9 + 12 + 24 + 8 + 8 + 2);
  });

  it('moves dtypes without leaving handles behind, and says who is trained', () => {
    const before = liveTensors();
    const network = new Network().trainable(true);
    const own = liveTensors() - before;
    network.to('float64').to('float64').to('cpu');
    expect(liveTensors() - before).toBe(own);
    expect([...network.stateDict().values()].map((t) => t.dtype).filter((dtype) => dtype !== 'float64')).toEqual(['int64', 'int64']);
    expect([...network.namedParameters()].every(([, t]) => t.requiresGrad)).toBe(true);
    expect(network.stateDict().get('backbone.bn.running_var')!.requiresGrad).toBe(false);
    expect([...network.trainable(false).namedParameters()].some(([, t]) => t.requiresGrad)).toBe(false);
    expect(network.to('float32').stateDict().get('backbone.conv.weight')!.isContiguous('channels_last')).toBe(true);
    network.free();
    expect(liveTensors()).toBe(before);
  });

  it('persist outlives the scope that it was built in', () => {
    const before = liveTensors();
    const network = (() => {
      using _ = scope();
      return new Network().persist();
    })();
    expect(list(network.stateDict().get('backbone.bn.weight')!)).toEqual([1, 1, 1, 1, 1, 1]);
    network.free();
    expect(liveTensors()).toBe(before);
  });
});

describe('load', () => {
  const source = () => {
    const network = new Network();
    initialise(network, 5, isBackbone);
    return network;
  };
  const message = (values: ReadonlyMap<string, Tensor>) => {
    const network = source();
    const before = state(network);
    let thrown: unknown;
    try {
      network.load(values, 'file.safetensors');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(CheckpointError);
    expect(state(network), 'nothing was loaded').toEqual(before);
    return (thrown as Error).message;
  };

  it('copies every value', () => {
    using _ = scope();
    const target = new Network();
    target.load(source().stateDict(), 'here');
    expect(state(target)).toEqual(state(source()));
  });

  it('lists missing and unexpected keys and other shapes, all at once, with the file', () => {
    using _ = scope();
    const values = new Map(source().stateDict());
    values.delete('head.3.bias');
    values.delete('head.0.weight');
    values.set('fc.weight', values.get('head.1.weight')!);
    values.set('backbone.bn.bias', tensor(Float32Array.of(1, 2)));
    expect(message(values)).toBe(
      'file.safetensors does not fit this network: 2 missing: head.0.weight, head.3.bias; 1 unexpected: fc.weight; ' +
        '1 of another shape: backbone.bn.bias (file [2], network [6])',
    );
  });

  it('lists every key, of thousands the first, and counts them', () => {
    using _ = scope();
    expect(message(new Map()).split(', ')).toHaveLength(12);
    const values = new Map(Array.from({ length: 1003 }, (_unused, k) => [`stray.${k}`, tensor(Float32Array.of(1), [1])] as const));
    expect(message(values)).toMatch(/12 missing: backbone\.conv\.weight, .*; 1003 unexpected: stray\.0, .*, stray\.999 and 3 more$/);
  });

  it('does without num_batches_tracked', () => {
    using _ = scope();
    const values = new Map([...source().stateDict()].filter(([name]) => !name.endsWith('num_batches_tracked')));
    const target = new Network();
    target.load(values, 'torchvision');
    expect(list(target.stateDict().get('head.0.weight')!)).toEqual(list(values.get('head.0.weight')!));
  });
});

describe('initialise', () => {
  const moments = (values: number[]) => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const central = (power: number) => values.reduce((a, b) => a + (b - mean) ** power, 0) / values.length;
    return { mean, variance: central(2), kurtosis: central(4) / central(2) ** 2 };
  };
  const big = (path: 'backbone' | 'head') => {
    class Big extends Module {
      readonly backbone: Conv2d | undefined = path === 'backbone' ? new Conv2d(64, 128, 3) : undefined;
      readonly head: Conv2d | undefined = path === 'head' ? new Conv2d(64, 128, 3, { bias: true }) : undefined;
    }
    const network = new Big();
    initialise(network, 1, (name) => name.startsWith('backbone'));
    return network.stateDict();
  };

  it('draws the backbone from a normal distribution of variance 2 / (k^2 x output)', () => {
    const values = list(big('backbone').get('backbone.weight')!);
    const { mean, variance, kurtosis } = moments(values);
    const expected = 2 / (9 * 128);
    // five standard errors of 73,728 values
    expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(expected / values.length));
    expect(Math.abs(variance / expected - 1)).toBeLessThan(5 * Math.sqrt(2 / values.length));
    expect(Math.abs(kurtosis - 3)).toBeLessThan(5 * Math.sqrt(24 / values.length));
    // both numbers of a pair are used: neighbours are independent
    const pairs = values.filter((_, i) => i % 2 === 0).map((v, i) => (v * values[2 * i + 1]!) / expected);
    expect(Math.abs(moments(pairs).mean)).toBeLessThan(5 / Math.sqrt(pairs.length));
  });

  it('draws the rest uniformly in +-1 / sqrt(fan in), biases too', () => {
    const entries = big('head');
    const bound = 1 / Math.sqrt(9 * 64);
    const weights = list(entries.get('head.weight')!);
    const { mean, variance } = moments(weights);
    expect(Math.max(...weights.slice(0, 10000))).toBeLessThanOrEqual(Math.fround(bound));
    expect(weights.reduce((a, b) => Math.min(a, b), 0)).toBeGreaterThanOrEqual(-Math.fround(bound));
    expect(Math.abs(mean)).toBeLessThan(5 * (bound / Math.sqrt(3 * weights.length)));
    expect(Math.abs(variance / (bound ** 2 / 3) - 1)).toBeLessThan(5 * Math.sqrt(0.8 / weights.length));
    const biases = list(entries.get('head.bias')!);
    expect(Math.max(...biases.map(Math.abs))).toBeLessThanOrEqual(Math.fround(bound));
    expect(new Set(biases).size).toBe(128);
  });

  it('of grouped convolutions counts all outputs of the backbone, and of the rest the inputs that a value sees', () => {
    class Grouped extends Module {
      readonly backbone = new Conv2d(512, 512, 3, { groups: 512 });
      readonly head = new Conv2d(64, 128, 3, { groups: 16 });
    }
    const network = new Grouped();
    initialise(network, 1, (path) => path === 'backbone');
    const [depthwise, head] = ['backbone.weight', 'head.weight'].map((name) => list(network.stateDict().get(name)!)) as [
      number[],
      number[],
    ];
    expect([depthwise.length, head.length]).toEqual([512 * 9, 128 * 4 * 9]);
    expect(Math.abs(moments(depthwise).variance / (2 / (9 * 512)) - 1)).toBeLessThan(5 * Math.sqrt(2 / depthwise.length));
    const bound = 1 / Math.sqrt(9 * 4);
    expect(Math.max(...head.map(Math.abs))).toBeLessThanOrEqual(Math.fround(bound));
    expect(Math.abs(moments(head).variance / (bound ** 2 / 3) - 1)).toBeLessThan(5 * Math.sqrt(0.8 / head.length));
  });

  it('leaves batch norm at 1 and 0', () => {
    const network = new Network();
    initialise(network, 1, isBackbone);
    const values = state(network);
    expect(values['backbone.bn.weight']).toEqual([1, 1, 1, 1, 1, 1]);
    expect(values['backbone.bn.bias']).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('depends on the seed and the name alone, not on what else is in the network', () => {
    class Alone extends Module {
      readonly head = new Sequential([...convBnRelu(6, 4, 1)]);
    }
    const drawn = (network: Module, seed: number) => {
      initialise(network, seed, isBackbone);
      return list(network.stateDict().get('head.0.weight')!);
    };
    const first = drawn(new Network(), 1);
    expect(drawn(new Network(), 1)).toEqual(first);
    expect(drawn(new Alone(), 1)).toEqual(first);
    expect(drawn(new Network(), 2)).not.toEqual(first);
    expect(new Set(first).size).toBe(24);
  });

  it('fills odd numbers of values', () => {
    class Odd extends Module {
      readonly backbone = new Conv2d(1, 3, 3);
    }
    const network = new Odd();
    initialise(network, 1, () => true);
    const values = list(network.backbone.stateDict().get('weight')!);
    expect(values).toHaveLength(27);
    expect(values.every((v) => Number.isFinite(v) && v !== 0)).toBe(true);
  });
});

describe('batch norm', () => {
  it('normalises by the batch in training and moves its statistics; in evaluation neither', () => {
    using _ = scope();
    const layer = new BatchNorm2d(3);
    const x = input();
    const y = layer.forward(x, true);
    expect(ops.max(ops.absolute(y.mean([0, 2, 3]))).item()).toBeLessThan(1e-6);
    const moved = state(layer);
    const mean = list(x.mean([0, 2, 3]));
    const variance = list(
      ops
        .square(x.sub(x.mean([0, 2, 3], true)))
        .sum([0, 2, 3])
        .div(49),
    );
    for (let c = 0; c < 3; c++) {
      expect(moved.running_mean![c]).toBeCloseTo(0.1 * mean[c]!, 6);
      expect(moved.running_var![c]).toBeCloseTo(0.9 + 0.1 * variance[c]!, 6);
    }
    expect(layer.stateDict().get('num_batches_tracked')!.item()).toBe(1);
    const after = state(layer);
    layer.forward(x, false);
    expect(state(layer)).toEqual(after);
  });

  it('refuses to normalise one value a channel in training', () => {
    using _ = scope();
    const layer = new BatchNorm2d(3);
    const one = ops.full([1, 3, 1, 1], 2, { dtype: 'float32' });
    expect(() => layer.forward(one, true)).toThrow(TorchError);
    expect(() => layer.forward(one, true)).toThrow(/more than one value a channel, got \[1, 3, 1, 1\]/);
    expect(layer.forward(one, false).shape).toEqual([1, 3, 1, 1]);
  });
});

describe('layers', () => {
  it.each([1, 2])('a depthwise convolution is one of each channel by itself, dilation %i', (dilation) => {
    using _ = scope();
    const layer = new Conv2d(3, 3, 3, { padding: dilation, dilation, groups: 3 });
    initialise(layer, 3, () => true);
    const weight = layer.stateDict().get('weight')!;
    const apart = [0, 1, 2].map((c) => ops.conv2d(input().narrow(1, c, 1), weight.narrow(0, c, 1), null, 1, dilation, dilation));
    expect(ops.max(ops.absolute(layer.forward(input()).sub(ops.cat(apart, 1)))).item()).toBeLessThan(1e-6);
  });

  it('a dilated convolution equals conv2d, gradients too; a Sequential frees what lies between', () => {
    using _ = scope();
    const layer = new Conv2d(3, 4, 3, { dilation: 2, padding: 2 });
    initialise(layer, 3, () => true);
    const weight = layer.stateDict().get('weight')!;
    const expected = ops.conv2d(input(), weight, null, 1, 2, 2);
    expect(ops.max(ops.absolute(layer.forward(input()).sub(expected))).item()).toBeLessThan(1e-6);

    const layers = new Sequential([...convBnRelu(3, 4, 3), ...convBnRelu(4, 4, 3)]);
    initialise(layers, 3, () => true);
    const x = input();
    const before = liveTensors();
    const y = noGrad(() => layers.forward(x, true));
    expect(liveTensors()).toBe(before + 1);
    expect(x.isFreed()).toBe(false);
    expect(y.shape).toEqual([2, 4, 5, 5]);
  });
});

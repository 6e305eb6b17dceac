import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../base/errors.ts';
import { BatchNorm2d } from '../nn/index.ts';
import { liveTensors, noGrad, ops, scope, type Tensor, tensor } from '../torch/index.ts';
import { type BackboneName, backboneNames, DeepLabV3Plus, type FeatureDrop, type Stem } from './index.ts';

/**
 * The contract with the field's checkpoints: entries, parameters and the SHA-256 (16 digits) of `name side x side ...` lines of the
 * state dict, in order, at 21 classes; made with the published network in PyTorch 2.13 (resnet10 and resnet18 by giving it those blocks).
 */
const contracts: readonly [BackboneName, Stem, number, number, string][] = [
  ['resnet10', 'deep', 146, 6_883_253, 'fb52cfd035a9345c'],
  ['resnet10', 'standard', 128, 6_734_773, 'cf46322d81643ba1'],
  ['resnet18', 'deep', 194, 13_153_973, 'ad46dd052cbf481e'],
  ['resnet18', 'standard', 176, 13_005_493, '12d33860fa455a46'],
  ['resnet34', 'deep', 290, 23_262_133, '5234a881f4234bd9'],
  ['resnet34', 'standard', 272, 23_113_653, 'a3de15e3d1f5fb88'],
  ['resnet50', 'deep', 386, 40_475_957, '875cf8cb24024ff0'],
  ['resnet50', 'standard', 374, 40_352_181, '8e303e3dc06a14b3'],
  ['resnet101', 'deep', 692, 59_468_085, '682fe8739a561b09'],
  ['resnet101', 'standard', 680, 59_344_309, 'f1aa5a7d121007a3'],
  ['xception', 'deep', 848, 54_711_461, 'fd7910e15de84cd9'],
];

const image = (n: number, height: number, width: number): Tensor =>
  tensor(
    Float32Array.from({ length: n * 3 * height * width }, (_, i) => Math.sin(i * 0.37) * 2),
    [n, 3, height, width],
  );

describe('names', () => {
  it('has a contract for every backbone', () => {
    expect(new Set(contracts.map(([backbone]) => backbone))).toEqual(new Set(backboneNames));
  });

  it.each(contracts)('%s, %s stem: names, shapes and counts', (backbone, stem, entries, parameters, hash) => {
    using _ = scope();
    const network = new DeepLabV3Plus({ backbone, stem, classes: 21 });
    const lines = [...network.stateDict()].map(([name, t]) => `${name} ${t.shape.join('x')}`);
    expect(lines).toHaveLength(entries);
    expect(network.parameterCount()).toBe(parameters);
    expect(createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16)).toBe(hash);
  });

  it('says which parameters are the backbone', () => {
    expect(DeepLabV3Plus.isBackbone('backbone.layer4.0.conv1.weight')).toBe(true);
    expect(DeepLabV3Plus.isBackbone('head.b0.0.weight')).toBe(false);
  });
});

describe('Xception', () => {
  it.each([
    [65, 65],
    [33, 50],
  ] as const)('at %i x %i: sizes of features, and no tensor left behind', (height, width) => {
    using _ = scope();
    const { backbone } = new DeepLabV3Plus({ backbone: 'xception', classes: 2, decoderChannels: 8 });
    const x = image(1, height, width);
    const before = liveTensors();
    const { low, high } = noGrad(() => backbone.features(x, false));
    expect(liveTensors() - before).toBe(2);
    const cells = (stride: number) => [Math.ceil(height / stride), Math.ceil(width / stride)];
    expect(low.shape).toEqual([1, 256, ...cells(4)]);
    expect(high.shape).toEqual([1, 2048, ...cells(16)]);
  });

  it('has the published momentum in every batch norm of the backbone, and in no other', () => {
    using _ = scope();
    const network = new DeepLabV3Plus({ backbone: 'xception', classes: 2, decoderChannels: 8 });
    const norms = [...network.namedModules()].filter((entry): entry is [string, BatchNorm2d] => entry[1] instanceof BatchNorm2d);
    for (const [path, { momentum }] of norms) expect(momentum, path).toBe(DeepLabV3Plus.isBackbone(path) ? 0.0003 : 0.1);
    expect(norms).toHaveLength(141);
  });

  it('refuses a stem and an output stride that it does not have', () => {
    for (const wrong of [{ stem: 'standard' }, { outputStride: 8 }] as const) {
      const build = () => new DeepLabV3Plus({ backbone: 'xception', classes: 2, ...wrong });
      expect(build).toThrow(ConfigError);
      expect(build).toThrow(/xception has one stem and output stride 16; got .*(standard|8)/);
    }
  });
});

describe('DeepLabV3+', () => {
  const build = (outputStride: 8 | 16 = 16) => new DeepLabV3Plus({ backbone: 'resnet18', classes: 4, outputStride }).initialise(2);

  it.each([
    [16, 65, 65],
    [16, 64, 97],
    [16, 33, 50],
    [8, 65, 65],
    [8, 37, 50],
  ] as const)('output stride %i at %i x %i: sizes of features and logits', (outputStride, height, width) => {
    const network = build(outputStride);
    const before = liveTensors();
    {
      using _ = scope();
      noGrad(() => {
        const { low, high } = network.backbone.features(image(1, height, width), false);
        const cells = (stride: number) => [Math.ceil(height / stride), Math.ceil(width / stride)];
        expect(low.shape).toEqual([1, 64, ...cells(4)]);
        expect(high.shape).toEqual([1, 512, ...cells(outputStride)]);
        expect(network.forward(image(1, height, width), false).shape).toEqual([1, 4, height, width]);
      });
    }
    expect(liveTensors()).toBe(before);
    network.free();
  });

  it('decodes clean and perturbed features together as it would one by one', () => {
    using _ = scope();
    const network = build().to('float64');
    const x = image(2, 33, 49).to('float64');
    const ones = (): FeatureDrop => ({
      low: ops.full([2, 64, 1, 1], 1, { dtype: 'float64' }),
      high: ops.full([2, 512, 1, 1], 1, { dtype: 'float64' }),
    });
    const mask = (channels: number, shift: number) =>
      tensor(
        Float64Array.from({ length: 2 * channels }, (_, i) => (Math.floor(i / 3 + shift) % 2) * 2),
        [2, channels, 1, 1],
      );
    const drops = [0, 1].map((shift) => ({ low: mask(64, shift), high: mask(512, shift) }));
    const largest = (a: Tensor, b: Tensor) => ops.max(ops.absolute(a.sub(b))).item();
    noGrad(() => {
      const clean = network.forward(x, false);
      const [first, one, two, ...more] = network.forwardWithDrops(x, false, drops, 'shared') as [Tensor, Tensor, Tensor];
      expect(more).toEqual([]);
      expect(largest(first, clean)).toBeLessThan(1e-12);
      expect(largest(one, network.forwardWithDrops(x, false, [drops[0]!], 'shared')[1]!)).toBeLessThan(1e-12);
      expect(largest(two, network.forwardWithDrops(x, false, [drops[1]!], 'shared')[1]!)).toBeLessThan(1e-12);
      expect(largest(one, clean)).toBeGreaterThan(1e-6);
      expect(largest(network.forwardWithDrops(x, false, [ones()], 'shared')[1]!, clean)).toBeLessThan(1e-12);
    });
  });

  it('keeps perturbed features away from the clean ones and from the running statistics where batch norm is separate', () => {
    using _ = scope();
    const x = image(2, 33, 49).to('float64');
    const drop = (seed: number): FeatureDrop => ({
      low: ops.full([2, 64, 1, 1], 1 + seed, { dtype: 'float64' }),
      high: ops.full([2, 512, 1, 1], 2 + seed, { dtype: 'float64' }),
    });
    const trained = (forward: (network: DeepLabV3Plus) => Tensor) =>
      noGrad(() => {
        const network = build().to('float64');
        const clean = [...(forward(network).toTyped() as Float64Array)];
        const running = [...network.stateDict()].flatMap(([name, t]) =>
          /running|tracked/.test(name) ? [...t.to('float64').toTyped()].map(Number) : [],
        );
        return { clean, running };
      });
    const plain = trained((network) => network.forward(x, true));
    expect(trained((network) => network.forwardWithDrops(x, true, [drop(0), drop(1)], 'separate')[0]!)).toEqual(plain);
    noGrad(() => {
      const network = build().to('float64');
      const both = (['shared', 'separate'] as const).map((rule) => network.forwardWithDrops(x, false, [drop(0), drop(1)], rule));
      expect(both.map((outputs) => outputs.length)).toEqual([3, 3]);
      for (const k of [0, 1, 2]) expect(ops.max(ops.absolute(both[0]![k]!.sub(both[1]![k]!))).item(), `output ${k}`).toBeLessThan(1e-12);
    });
    const shared = trained((network) => network.forwardWithDrops(x, true, [drop(0), drop(1)], 'shared')[0]!);
    expect(shared.clean).not.toEqual(plain.clean);
    expect(shared.running).not.toEqual(plain.running);
  });

  it('evaluation leaves the running statistics alone, training moves them', () => {
    using _ = scope();
    const network = build();
    const statistics = () =>
      [...network.stateDict()].flatMap(([name, t]) => (/running|tracked/.test(name) ? [...(t.toTyped() as Float32Array)].map(Number) : []));
    const before = statistics();
    noGrad(() => network.forward(image(2, 33, 33), false));
    expect(statistics()).toEqual(before);
    noGrad(() => network.forward(image(2, 33, 33), true));
    expect(statistics()).not.toEqual(before);
    const counters = [...network.stateDict()].filter(([name]) => name.endsWith('tracked')).map(([, t]) => t.item());
    expect(new Set(counters)).toEqual(new Set([1]));
  });
});

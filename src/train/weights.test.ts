import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CheckpointError } from '../base/errors.ts';
import { DeepLabV3Plus } from '../models/index.ts';
import { liveTensors, noGrad, ops, scope, type Tensor, tensor } from '../torch/index.ts';
import { loadPretrained } from './pretrained.ts';
import { type DataDescription, loadNetwork, openNetwork, saveNetwork, saveTensors, withTensors } from './weights.ts';

const folder = mkdtempSync(join(tmpdir(), 'dssn-weights-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string) => join(folder, name);

const data: DataDescription = {
  classes: ['road', 'car'],
  palette: [
    [0, 0, 0],
    [255, 128, 1],
  ],
  longSide: 240,
  mode: 'original',
  cropSize: 129,
};
const build = (seed = 1) =>
  new DeepLabV3Plus({
    backbone: 'resnet18',
    classes: 2,
    stem: 'standard',
    outputStride: 8,
    decoderChannels: 32,
    asppDropout: 0.5,
  }).initialise(seed);
const bytes = (t: Tensor) => Buffer.from(t.toBytes()).toString('base64');
const state = (network: DeepLabV3Plus) => new Map([...network.stateDict()].map(([name, t]) => [name, bytes(t)]));

describe('saveNetwork and openNetwork', () => {
  const network = build();
  noGrad(() => {
    network.stateDict().get('backbone.bn1.num_batches_tracked')!.fill_(12345678901);
    network.stateDict().get('backbone.bn1.running_mean')!.fill_(Math.PI);
  });
  saveNetwork(file('whole.safetensors'), network, data);

  it('give every bit back, and what the network and its data are', () => {
    const before = liveTensors();
    const opened = openNetwork(file('whole.safetensors'));
    expect(opened.data).toEqual(data);
    expect(opened.network.options).toEqual(network.options);
    expect(state(opened.network)).toEqual(state(network));
    expect(liveTensors() - before).toBe(network.stateDict().size);
    opened.network.free();
    expect(liveTensors()).toBe(before);
  });

  it('loadNetwork fills a network that is there', () => {
    const other = build(2);
    expect(state(other)).not.toEqual(state(network));
    loadNetwork(file('whole.safetensors'), other);
    expect(state(other)).toEqual(state(network));
    other.free();
  });

  it('tensors of every dtype come back', () => {
    using _ = scope();
    const dtypes = ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'] as const;
    const original = dtypes.map((dtype) => [dtype, tensor(Float64Array.of(0, 1, 2.5, 100), [2, 2]).to(dtype)] as const);
    saveTensors(file('dtypes.safetensors'), original, { kind: 'test' });
    withTensors(file('dtypes.safetensors'), (tensors, metadata) => {
      expect(metadata).toEqual({ kind: 'test' });
      for (const [dtype, t] of original) {
        expect(tensors.get(dtype)!.dtype).toBe(dtype);
        expect(ops.equal(tensors.get(dtype)!, t)).toBe(true);
      }
    });
  });

  const refused = (name: string, open: () => unknown, ...patterns: RegExp[]) => {
    const before = liveTensors();
    let thrown: unknown;
    try {
      open();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(CheckpointError);
    for (const pattern of [new RegExp(name), ...patterns]) expect((thrown as Error).message).toMatch(pattern);
    return liveTensors() - before;
  };
  const written = (name: string, metadata: Record<string, string>) => {
    using _ = scope();
    saveTensors(file(name), [['x', tensor(Float32Array.of(1))]], metadata);
    return () => openNetwork(file(name));
  };

  it.each([
    ['no-metadata', {}, /say nothing of 'model'/],
    ['broken', { format: '1', model: '{"backbone"' }, /say nothing of 'model'/],
    ['null', { format: '1', model: 'null' }, /backbone 'undefined' is unknown; allowed: resnet10, resnet18, resnet34, resnet50, resnet101/],
    ['strange', { format: '1', model: '{"backbone":"vgg16","classes":2}' }, /backbone 'vgg16' is unknown/],
    ['classes', { format: '1', model: '{"backbone":"resnet18","classes":-3}' }, /-3 classes/],
    ['later', { format: '2', model: '{"backbone":"resnet18","classes":2}' }, /format 2 is later than this program's \(1\)/],
    ['other', { format: '1', model: '{"backbone":"resnet18","classes":2}', data: '{}' }, /162 missing: backbone\.conv1.*1 unexpected: x/],
  ])('refuse a file that is not ours: %s', (name, metadata, pattern) => {
    expect(refused(name, written(`${name}.safetensors`, metadata), pattern)).toBe(0);
  });

  it('refuse a truncated file, a file of something else, and one that is not there', () => {
    writeFileSync(file('short.safetensors'), readFileSync(file('whole.safetensors')));
    truncateSync(file('short.safetensors'), 1_000_000);
    expect(refused('short', () => openNetwork(file('short.safetensors')))).toBe(0);
    writeFileSync(file('text.safetensors'), 'these are no weights, though they are long enough to be read');
    expect(refused('text', () => openNetwork(file('text.safetensors')))).toBe(0);
    expect(refused('absent', () => openNetwork(file('absent.safetensors')))).toBe(0);
  });

  it('refuse the weights of another network, and leave the network as it was', () => {
    const other = new DeepLabV3Plus({ backbone: 'resnet18', classes: 3, stem: 'standard', decoderChannels: 32 }).initialise(1);
    const before = state(other);
    refused(
      'whole',
      () => loadNetwork(file('whole.safetensors'), other),
      /classifier\.weight \(file \[2, 32, 1, 1\], network \[3, 32, 1, 1\]\)/,
    );
    expect(state(other)).toEqual(before);
    other.free();
  });
});

describe('loadPretrained', () => {
  const source = build(7);
  const backbone = () => [...source.backbone.stateDict()];

  it("takes torchvision's names, does without num_batches_tracked, and ignores the classifier", () => {
    using _ = scope();
    const entries = backbone().filter(([name]) => !name.endsWith('num_batches_tracked'));
    saveTensors(file('imagenet.safetensors'), [...entries, ['fc.weight', tensor(Float32Array.of(1, 2))]], {});
    const network = build(1);
    const head = bytes(network.stateDict().get('head.project.0.weight')!);
    loadPretrained(file('imagenet.safetensors'), network);
    for (const [name, t] of entries) expect(bytes(network.backbone.stateDict().get(name)!), name).toBe(bytes(t));
    expect(bytes(network.stateDict().get('head.project.0.weight')!)).toBe(head);
  });

  it('of Xception leaves out the counters of its published training', () => {
    using _ = scope();
    const build = (seed: number) => new DeepLabV3Plus({ backbone: 'xception', classes: 2, decoderChannels: 8 }).initialise(seed);
    const [from, network] = [build(7), build(1)];
    const entries = [...from.backbone.stateDict()].filter(([name]) => !name.endsWith('num_batches_tracked'));
    const one = tensor(Float32Array.of(1));
    const extras = ['bn1.running_mean_tmp', 'bn1.tmp_var', 'block1.skipbn._running_itr', 'bn1.tracked', 'fc.bias'].map(
      (name) => [name, one] as const,
    );
    saveTensors(file('xception.safetensors'), [...entries, ...extras], {});
    loadPretrained(file('xception.safetensors'), network);
    for (const name of ['block20.skip.weight', 'conv5.bn2.running_var'])
      expect(bytes(network.backbone.stateDict().get(name)!), name).toBe(bytes(from.backbone.stateDict().get(name)!));
    saveTensors(file('extra.safetensors'), [...entries, ['bn1.other', one]], {});
    expect(() => loadPretrained(file('extra.safetensors'), network)).toThrow(/1 unexpected: bn1\.other/);
  });

  it("takes a whole network's backbone", () => {
    using _ = scope();
    saveNetwork(file('trained.safetensors'), source, data);
    const network = build(1);
    loadPretrained(file('trained.safetensors'), network);
    expect(bytes(network.backbone.stateDict().get('layer4.1.conv2.weight')!)).toBe(
      bytes(source.backbone.stateDict().get('layer4.1.conv2.weight')!),
    );
  });

  it('lists other keys that are missing or unexpected, and says when the file is not there', () => {
    using _ = scope();
    const network = build(1);
    const entries = backbone().filter(([name]) => name !== 'conv1.weight');
    saveTensors(file('wrong.safetensors'), [...entries, ['head.bias', tensor(Float32Array.of(1))]], {});
    const load = () => loadPretrained(file('wrong.safetensors'), network);
    expect(load).toThrow(CheckpointError);
    expect(load).toThrow(/wrong\.safetensors .*1 missing: conv1\.weight; 1 unexpected: head\.bias/);
    expect(() => loadPretrained(file('nowhere.pth'), network)).toThrow(/pretrained: .*nowhere\.pth is not there/);
    writeFileSync(file('there.pth'), 'PK');
    expect(() => loadPretrained(file('there.pth'), network)).toThrow(/there\.pth: PyTorch's own .* not read yet; allowed: a \.safetensors/);
  });
});

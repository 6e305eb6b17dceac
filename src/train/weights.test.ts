import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CheckpointError } from '../base/errors.ts';
import { writePthFile } from '../formats/weights-file.ts';
import { DeepLabV3Plus, inferModel } from '../models/index.ts';
import { liveTensors, noGrad, ops, scope, type Tensor, tensor } from '../torch/index.ts';
import { findPretrained, isIgnored, loadPretrained, stemOf } from './pretrained.ts';
import { arraysOf, type DataDescription, loadNetwork, openNetwork, saveNetwork, saveTensors, withTensors } from './weights.ts';

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
    // The same of a whole network's file: what belongs to no part of it is a mistake, ImageNet's classifier is none.
    const whole = (more: string): void => {
      saveTensors(file('whole.safetensors'), [...source.stateDict(), [more, tensor(Float32Array.of(1))]], {});
      loadPretrained(file('whole.safetensors'), network);
    };
    whole('backbone.fc.bias');
    expect(() => whole('neck.bias')).toThrow(/whole\.safetensors .*1 unexpected: neck\.bias/);
    const absent = () => loadPretrained(file('nowhere.pth'), network);
    expect(absent).toThrow(/pretrained: .*nowhere\.pth is not there; such files come from torchvision .*UniMatch's and ST\+\+'s READMEs/);
    writeFileSync(file('there.pth'), 'PK');
    expect(() => loadPretrained(file('there.pth'), network)).toThrow(CheckpointError);
  });

  it('takes a .pth, of backbones and of whole checkpoints', () => {
    using _ = scope();
    const plain = backbone().filter(([name]) => !name.endsWith('num_batches_tracked'));
    writePthFile(file('imagenet.pth'), arraysOf([...plain, ['fc.bias', tensor(Float32Array.of(1))]]));
    writePthFile(file('whole.pth'), arraysOf([...source.stateDict()].map(([name, t]) => [`module.${name}`, t] as const)));
    for (const name of ['imagenet.pth', 'whole.pth']) {
      const network = build(1);
      loadPretrained(file(name), network);
      for (const [key, t] of plain) expect(bytes(network.backbone.stateDict().get(key)!), `${name} ${key}`).toBe(bytes(t));
      expect(stemOf(file(name))).toBe('standard');
      network.free();
    }
    saveTensors(file('deep.safetensors'), [['conv1.0.weight', tensor(Float32Array.of(1))]], {});
    expect(stemOf(file('deep.safetensors'))).toBe('deep');
    expect(() => stemOf(file('absent.pth'))).toThrow(/absent\.pth is not there; such files come from/);
  });

  it('passes over classifiers, and over the leftovers in files of Xception alone', () => {
    const keys = ['fc.weight', 'conv1.weight', 'bn1.num_batches_tracked', 'block1.rep.itr', 'x.tmp', 'xfc.weight'];
    expect(keys.filter((key) => isIgnored('resnet50', key))).toEqual(['fc.weight']);
    expect(keys.filter((key) => isIgnored('xception', key))).toEqual(['fc.weight', 'bn1.num_batches_tracked', 'block1.rep.itr', 'x.tmp']);
  });

  it('auto: pretrained/BACKBONE.pth or .safetensors, below the working directory, then the root', () => {
    const found = () => findPretrained('resnet18', folder);
    expect(found).toThrow(
      /auto found no weights of resnet18; looked for \S+\/pretrained\/resnet18\.pth, \S+resnet18\.safetensors, \S+\/dssn-weights-\S+\/pretrained\/resnet18\.pth, \S+; such files come from/,
    );
    mkdirSync(file('pretrained'));
    for (const ending of ['safetensors', 'pth']) {
      writeFileSync(file(`pretrained/resnet18.${ending}`), '');
      expect(found()).toBe(file(`pretrained/resnet18.${ending}`));
    }
  });
});

describe('a file that does not say what network it is of', () => {
  const assumed = { data, outputStride: 8 } as const;
  it.each([
    ['resnet10', 'deep', 3, 16],
    ['resnet18', 'standard', 2, 32],
    ['resnet34', 'deep', 2, 8],
    ['resnet50', 'standard', 2, 8],
    ['resnet50', 'deep', 2, 8],
    ['resnet101', 'deep', 21, 256],
    ['xception', 'deep', 2, 8],
  ] as const)('%s with the %s stem is known by its keys and shapes', (backbone, stem, classes, decoderChannels) => {
    using _ = scope();
    const network = new DeepLabV3Plus({ backbone, stem, classes, decoderChannels });
    const shapes = new Map([...network.stateDict()].map(([name, t]) => [name, t.shape] as const));
    expect(inferModel(shapes, 'x')).toEqual({ backbone, stem, classes, decoderChannels });
    for (const name of [...shapes.keys()].filter((key) => key.endsWith('num_batches_tracked'))) shapes.delete(name);
    expect(inferModel(shapes, 'x')).toEqual({ backbone, stem, classes, decoderChannels });
  });

  it('is opened with what is assumed of it, .pth and .safetensors, in half precision too', () => {
    using _ = scope();
    const network = build(3);
    const halves = [...network.stateDict()].map(([name, t]) => [name, t.dtype === 'float32' ? t.to('float16') : t] as const);
    writePthFile(file('bare.pth'), arraysOf(halves));
    saveTensors(file('bare.safetensors'), halves, {});
    for (const name of ['bare.pth', 'bare.safetensors']) {
      const opened = openNetwork(file(name), assumed);
      // Dropout leaves no trace in a file.
      const { asppDropout: _, ...shaped } = network.options;
      expect([opened.network.options, opened.data]).toEqual([{ ...shaped, outputStride: 8 }, data]);
      for (const [key, t] of halves)
        expect(ops.equal(opened.network.stateDict().get(key)!, t.to(t.dtype === 'float16' ? 'float32' : t.dtype)), key).toBe(true);
      opened.network.free();
      expect(() => openNetwork(file(name))).toThrow(/its metadata say nothing of 'model'.*with --config FILE/);
    }
  });

  it('is refused where it is of no network that is known, and nothing is left behind', () => {
    using _ = scope();
    const state = [...build(3).stateDict()];
    const write = (name: string, change: (key: string) => string | undefined) => {
      const changed = state.flatMap(([key, t]) => (change(key) === undefined ? [] : [[change(key)!, t] as const]));
      saveTensors(file(name), changed, {});
    };
    write('odd.safetensors', (key) => key.replace('layer3', 'stage3'));
    write('backbone.safetensors', (key) => (key.startsWith('backbone.') ? key.slice('backbone.'.length) : undefined));
    write('headless.safetensors', (key) => (key.startsWith('head.b0') ? undefined : key));
    const open = (name: string) => () => openNetwork(file(name), assumed);
    expect(
      refused(
        'odd',
        open('odd.safetensors'),
        /none of resnet10, .*nearest is resnet18 with the standard stem, of which \d+ keys differ: (layer3|stage3)/,
      ),
    ).toBe(0);
    expect(refused('backbone', open('backbone.safetensors'), /no classifier\.weight.*its keys: \S+/)).toBe(0);
    expect(refused('headless', open('headless.safetensors'), /\d+ missing: head\.b0/)).toBe(0);
  });
});

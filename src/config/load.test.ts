import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../base/errors.ts';
import { loadConfig, parseConfig, resolveConfig } from './load.ts';

const minimal = `method: dssn
model:
  backbone: resnet18
data:
  dataset: camvid
  root: /data/camvid
  split: 1_8
  crop_size: 129
train:
  batch_size: 4
  iterations: 100
  lr: 1e-2
`;

/** The lines of the ConfigError that this throws. */
function problems(text: string, overrides: string[] = []): string[] {
  try {
    parseConfig(text, 'a.yaml', overrides);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.split('\n');
  }
  throw new Error('no error was thrown');
}

describe('a configuration', () => {
  it('gets every default of SPEC 3 to 7', () => {
    expect(parseConfig(minimal, 'a.yaml')).toEqual({
      method: 'dssn',
      seed: 0,
      device: 'auto',
      threads: 'auto',
      pretrained: null,
      model: { backbone: 'resnet18', stem: 'auto', output_stride: 16, decoder_channels: 256, aspp_dropout: 0, fuse_dropout: 0 },
      data: {
        dataset: 'camvid',
        root: '/data/camvid',
        split: '1_8',
        crop_size: 129,
        long_side: null,
        workers: 'auto',
        classes: null,
        palette: null,
        label_map: null,
        label_colours: null,
        ignore_colours: null,
        holdout: 0,
        cutmix_partner: 'same',
        num_aug: 3,
        scale_base: null,
      },
      train: {
        batch_size: 4,
        accumulate: 1,
        iterations: 100,
        epochs: null,
        warmup: { iterations: 1, epochs: null },
        burn_in: 0,
        batch_norm: 'shared',
        lr: 0.01,
        lr_multi: 1,
        momentum: 0.9,
        weight_decay: 1e-4,
        power: 0.9,
        ema: 0.996,
        ema_warmup: false,
        precision: 'fp32',
        checkpoint_every: null,
        keep_checkpoints: 2,
        max_skipped: 10,
        eval_every: null,
        log_every: 10,
      },
      select: { rule: 'class-aware', high: 0.92, ratio: 0.96, conf_thresh: 0.95 },
      loss: {
        labelled: 'ce',
        ohem_threshold: 0.7,
        ohem_min_kept_per_image: 100_000,
        weight_strong: 0.25,
        weight_feature: 0.25,
        weight_contrastive: 0.01,
      },
      eval: { mode: 'auto', tta: false },
      log: { tensorboard: true, pictures: 4 },
    });
  });

  it.each([
    ['supervised', 'class-aware', 3, 0.25, 0.25],
    ['st', 'none', 0, 0.25, 0.25],
    ['stpp', 'none', 0, 0.25, 0.25],
    ['fixmatch', 'fixed', 0, 1, 0],
    ['unimatch', 'fixed', 0, 0.25, 0.5],
    ['dssn', 'class-aware', 3, 0.25, 0.25],
  ])('gives method %s its published settings where nothing else is said (SPEC 8)', (method, rule, numAug, strong, feature) => {
    const { select, data, loss } = parseConfig(minimal, 'a.yaml', [`method=${method}`]);
    expect([select.rule, data.num_aug, loss.weight_strong, loss.weight_feature]).toEqual([rule, numAug, strong, feature]);
    const said = parseConfig(minimal, 'a.yaml', [
      `method=${method}`,
      'select.rule=fixed',
      'data.num_aug=2',
      'loss.weight_strong=0.1',
      'loss.weight_feature=auto',
    ]);
    expect([said.select.rule, said.data.num_aug, said.loss.weight_strong, said.loss.weight_feature]).toEqual(['fixed', 2, 0.1, feature]);
  });

  it('is frozen through and through', () => {
    const config = parseConfig(minimal, 'a.yaml');
    expect(Object.isFrozen(config) && Object.isFrozen(config.train.warmup)).toBe(true);
  });

  it('comes back unchanged from its own JSON', () => {
    const config = parseConfig(minimal, 'a.yaml', ['data.label_map={11: 255}', 'data.classes=[a, b]', 'data.palette=[[1,2,3],[4,5,6]]']);
    expect(resolveConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it('takes a section left empty for one left out', () => {
    expect(parseConfig(`${minimal}loss:\n  # weight_strong: 1\n`, 'a.yaml').loss.weight_strong).toBe(0.25);
  });

  it('takes null in a label map for a label that is not allowed', () => {
    const { data } = parseConfig(minimal, 'a.yaml', ['data.label_map={0: null, 3: 0}', 'data.classes=[a]']);
    expect(data.label_map).toEqual({ 0: null, 3: 0 });
  });

  it('reads a split that looks like a number as a name', () => {
    expect(parseConfig(minimal, 'a.yaml', ['data.split=732']).data.split).toBe('732');
  });
});

describe('a configuration of an earlier version', () => {
  const ohem = `${minimal}loss: {labelled: ohem, ohem_min_kept: 200000}\n`;

  it('said how many pixels OHEM keeps of a batch, not of an image', () => {
    const perImage = (...sets: string[]) => parseConfig(ohem, 'a.yaml', sets).loss.ohem_min_kept_per_image;
    expect(perImage()).toBe(50_000);
    expect(perImage('method=supervised')).toBe(25_000);
    expect(perImage('train.batch_size=1')).toBe(200_000);
    expect(perImage('train.batch_size=3') * 3).toBeCloseTo(200_000, 6);
    expect(perImage('loss.ohem_min_kept_per_image=7')).toBe(7);
  });

  it('is held to what is allowed all the same, and its key is not for --set', () => {
    expect(problems(ohem.replace('200000', 'many'))).toEqual([
      expect.stringMatching(/^a\.yaml:13:24 loss\.ohem_min_kept: unknown key; allowed: .*ohem_min_kept_per_image/),
    ]);
    expect(problems(minimal, ['loss.ohem_min_kept=3'])[0]).toMatch(/unknown key loss\.ohem_min_kept; allowed: .*ohem_min_kept_per_image/);
  });
});

describe('a wrong configuration', () => {
  it('names an unknown key, its place and the nearest known one', () => {
    expect(problems(minimal.replace('lr: 1e-2', 'lr: 0.01\n  itertions: 3'))).toEqual([
      'a.yaml:13:3 train.itertions: unknown key; did you mean train.iterations?',
    ]);
    expect(problems(`crop_size: 3\n${minimal}`)).toEqual(['a.yaml:1:1 crop_size: unknown key; did you mean data.crop_size?']);
    expect(problems(`${minimal}eval:\n  zzzzzzzzzz: 3\n`)).toEqual(['a.yaml:14:3 eval.zzzzzzzzzz: unknown key; allowed: mode, tta']);
  });

  it('tells several problems at once, each with what came and what is allowed', () => {
    const text = minimal
      .replace('resnet18', 'rasnet18')
      .replace('crop_size: 129', 'crop_size: 12.5')
      .replace('lr: 1e-2', 'lr: fast')
      .replace('method: dssn', 'method: dsn');
    expect(problems(text)).toEqual([
      'a.yaml:1:9 method: got "dsn"; allowed: supervised, st, stpp, fixmatch, unimatch, dssn (did you mean dssn?)',
      'a.yaml:3:13 model.backbone: got "rasnet18"; allowed: resnet10, resnet18, resnet34, resnet50, resnet101, xception (did you mean resnet18?)',
      'a.yaml:8:14 data.crop_size: got 12.5; allowed: an integer of at least 1 (pixels)',
      'a.yaml:12:7 train.lr: got "fast"; allowed: a number above 0',
    ]);
  });

  it('names what is missing at the place of its section', () => {
    expect(problems(minimal.replace('  lr: 1e-2\n', ''))).toEqual(['a.yaml:9:1 train.lr: missing; allowed: a number above 0']);
    const all = problems('');
    expect(all).toContain('a.yaml:1:1 method: missing; allowed: supervised, st, stpp, fixmatch, unimatch, dssn');
    expect(all).toContain('a.yaml:1:1 model.backbone: missing; allowed: resnet10, resnet18, resnet34, resnet50, resnet101, xception');
    expect(all).toHaveLength(9);
  });

  it('wants exactly one of iterations and epochs, beside other problems', () => {
    expect(problems(minimal.replace('  iterations: 100\n', '').replace('lr: 1e-2', 'lr: -1'))).toEqual([
      'a.yaml:11:7 train.lr: got -1; allowed: a number above 0',
      'a.yaml:9:1 train: exactly one of train.iterations and train.epochs must be given; neither is',
    ]);
    expect(problems(`${minimal}  epochs: 3\n`)).toEqual([
      'a.yaml:13:3 train.epochs: exactly one of train.iterations and train.epochs must be given; both are',
    ]);
    expect(problems(`${minimal}  warmup: {}\n`)).toEqual([
      'a.yaml:13:3 train.warmup: exactly one of train.warmup.iterations and train.warmup.epochs must be given; neither is',
    ]);
    expect(problems(minimal.replace('100', '0'))[0]).toMatch(/^a\.yaml:11:15 train\.iterations: got 0; allowed: an integer of at least 1/);
  });

  it('checks classes, palette and label map against each other', () => {
    expect(problems(minimal, ['data.palette=[[0,0,0]]'])[0]).toMatch(/needs data\.classes/);
    expect(problems(minimal, ['data.classes=[a,b]', 'data.palette=[[0,0,0]]'])).toEqual([
      '--set data.palette=[[0,0,0]]: data.palette: 1 colours for the 2 classes of data.classes; allowed: one colour a class',
    ]);
    expect(problems(minimal, ['data.classes=[a,b,a]'])[0]).toMatch(/the name a stands there twice/);
    expect(problems(minimal.replace('crop_size: 129', 'crop_size: 129\n  classes: [a, b]\n  label_map: {3: 1, 4: 2}'))).toEqual([
      'a.yaml:10:24 data.label_map.4: got 2; allowed: 0 to 1 (the classes of data.classes), or 255 = ignore',
    ]);
    expect(problems(minimal, ['data.label_map={256: 1}'])[0]).toMatch(/data\.label_map\.256: not an allowed key/);
    expect(problems(minimal, ['data.palette=[[0,0,256]]', 'data.classes=[a]'])[0]).toMatch(/data\.palette\.0\.2: got 256; allowed: null/);
  });

  it('checks colours of labels against classes, numbers and each other', () => {
    const colours = 'data.label_colours=[[0,0,0],[255,0,0]]';
    const { data } = parseConfig(minimal, 'a.yaml', ['data.classes=[a,b]', colours, 'data.ignore_colours=[[9,9,9]]']);
    expect([data.label_colours, data.ignore_colours]).toEqual([
      [
        [0, 0, 0],
        [255, 0, 0],
      ],
      [[9, 9, 9]],
    ]);
    expect(problems(minimal, [colours])[0]).toMatch(/2 colours for the missing classes of data\.classes; allowed: one colour a class$/);
    expect(problems(minimal, [colours, 'data.classes=[a,b,c]'])[0]).toMatch(/2 colours for the 3 classes/);
    expect(problems(minimal, [colours, 'data.classes=[a,b]', 'data.label_map={3: 1}'])[0]).toMatch(/numbers .* or colours, not both/);
    expect(problems(minimal, ['data.ignore_colours=[[1,1,1]]'])[0]).toMatch(/goes with data\.label_colours/);
    expect(problems(minimal, [colours, 'data.classes=[a,b]', 'data.ignore_colours=[[255,0,0]]'])[0]).toMatch(/\[255,0,0\] stands there/);
  });

  it('refuses a stem and an output stride that xception does not have, and shares that leave nothing', () => {
    const xception = minimal.replace('resnet18', 'xception');
    expect(parseConfig(xception, 'a.yaml').model.backbone).toBe('xception');
    expect(problems(xception.replace('xception', 'xception\n  stem: standard'), ['model.output_stride=8'])).toEqual([
      'a.yaml:4:9 model.stem: got "standard"; allowed with xception: auto, deep',
      '--set model.output_stride=8: model.output_stride: got 8; allowed with xception: 16',
    ]);
    expect(problems(minimal, ['model.aspp_dropout=1', 'model.fuse_dropout=-0.1'])).toEqual([
      '--set model.aspp_dropout=1: model.aspp_dropout: got 1; allowed: a number from 0 up to, but not including, 1 (share of the channels)',
      '--set model.fuse_dropout=-0.1: model.fuse_dropout: got -0.1; allowed: a number from 0 up to, but not including, 1 (share of the values)',
    ]);
  });

  it('refuses what is no mapping, and tells where YAML itself is wrong', () => {
    expect(problems('- a\n')[0]).toMatch(/^a\.yaml:1:1 got \["a"\]; allowed: a mapping with the keys method, seed/);
    expect(problems(minimal.replace('model:\n  backbone: resnet18', 'model: 3'))[0]).toBe(
      'a.yaml:2:8 model: got 3; allowed: a mapping with the keys backbone, stem, output_stride, decoder_channels, aspp_dropout, fuse_dropout',
    );
    expect(problems('method: dssn\nmodel: {backbone: resnet18\n')[0]).toMatch(/^a\.yaml:\d+:\d+ not valid YAML: /);
    expect(problems(`${minimal}seed: 1\nseed: 2\n`)[0]).toMatch(/^a\.yaml:14:1 not valid YAML: Map keys must be unique/);
  });
});

describe('--set', () => {
  it('overrides by path, with YAML values, the last one winning', () => {
    const config = parseConfig(minimal, 'a.yaml', [
      'seed=3',
      'seed=4',
      'train.ema_warmup=true',
      'pretrained=weights/r18.safetensors',
      'data.label_map.11=255',
      'train.warmup.epochs=5',
    ]);
    expect(config.seed).toBe(4);
    expect(config.train.ema_warmup).toBe(true);
    expect(config.pretrained).toBe('weights/r18.safetensors');
    expect(config.data.label_map).toEqual({ 11: 255 });
    expect(config.train.warmup).toEqual({ iterations: null, epochs: 5 });
  });

  it('lets epochs take the place of iterations', () => {
    const { train } = parseConfig(minimal, 'a.yaml', ['train.epochs=3']);
    expect([train.iterations, train.epochs]).toEqual([null, 3]);
    expect(problems(minimal, ['train.epochs=3', 'train.iterations=4'])[0]).toMatch(/both are$/);
  });

  it('names itself in errors', () => {
    expect(problems(minimal, ['train.lrr=3', 'seed', 'train.lr=no', 'a.b.c=1', 'seed.x=1'])).toEqual([
      '--set train.lrr=3: unknown key train.lrr; did you mean train.lr?',
      '--set seed: not of the form key=value, such as train.lr=0.01',
      expect.stringMatching(/^--set a\.b\.c=1: unknown key a\.b\.c; /),
      expect.stringMatching(/^--set seed\.x=1: unknown key seed\.x; /),
      '--set train.lr=no: train.lr: got "no"; allowed: a number above 0',
    ]);
  });
});

describe('loadConfig', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'dssn-config-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('makes the data root absolute and names a file that is not there, and its neighbour', () => {
    const file = path.join(folder, 'camvid.yaml');
    writeFileSync(file, minimal.replace('/data/camvid', 'pictures'));
    expect(loadConfig(file).data.root).toBe(path.resolve('pictures'));
    expect(() => loadConfig(path.join(folder, 'camvit.yaml'))).toThrow(`did you mean ${file}?`);
  });

  it('makes the split absolute where it is a path, and leaves names alone', () => {
    const file = path.join(folder, 'split.yaml');
    writeFileSync(file, minimal);
    const splitOf = (split: string) => loadConfig(file, [`data.split=${split}`]).data.split;
    expect(['./lists', '../lists', '/a/lists/', '..'].map(splitOf)).toEqual(
      ['lists', '../lists', '/a/lists', '..'].map((split) => path.resolve(split)),
    );
    expect(['lists', '1_8', '.hidden', 'a/b'].map(splitOf)).toEqual(['lists', '1_8', '.hidden', 'a/b']);
  });
});

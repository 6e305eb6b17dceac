/** The configurations that come with the package, against the numbers of SPEC section 8. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.ts';

const fileOf = (name: string): string => path.join(import.meta.dirname, '../../configs', `${name}.yaml`);

describe('configs/', () => {
  it.each(['camvid', 'shapes', 'pascal', 'pascal-stpp', 'cityscapes', 'cityscapes-stpp', 'coco'])(
    '%s.yaml can be read, and comments every key that it sets',
    (name) => {
      const file = fileOf(name);
      expect(loadConfig(file, ['data.root=/data']).data.dataset).toBe(name.replace(/-.*/, ''));
      const lines = readFileSync(file, 'utf8').split('\n');
      for (const [index, line] of lines.entries())
        if (/^ +\w+: \S/.test(line)) expect(`${lines[index - 1] ?? ''}\n${line}`, `line ${index + 1} has no comment`).toMatch(/#/);
    },
  );

  it.each([
    [
      'pascal',
      {
        crop: 513,
        backbone: 'resnet101',
        batch: 2,
        epochs: 100,
        lr: 0.002,
        multi: 10,
        labelled: 'ce',
        rule: 'class-aware',
        aug: 3,
        warmup: { iterations: 1 },
      },
    ],
    [
      'coco',
      {
        crop: 513,
        backbone: 'xception',
        batch: 2,
        epochs: 30,
        lr: 0.004,
        multi: 10,
        labelled: 'ce',
        rule: 'class-aware',
        aug: 3,
        warmup: { iterations: 1 },
      },
    ],
    [
      'cityscapes',
      {
        crop: 801,
        backbone: 'resnet101',
        batch: 1,
        epochs: 240,
        lr: 0.005,
        multi: 1,
        labelled: 'ohem',
        rule: 'fixed',
        aug: 0,
        warmup: { epochs: 5 },
      },
    ],
  ] as const)('%s.yaml holds the numbers of SPEC section 8', (name, expected) => {
    const { data, model, train, loss, select } = loadConfig(fileOf(name), ['data.root=/data']);
    expect({
      crop: data.crop_size,
      backbone: model.backbone,
      batch: train.batch_size,
      epochs: train.epochs,
      lr: train.lr,
      multi: train.lr_multi,
      labelled: loss.labelled,
      rule: select.rule,
      aug: data.num_aug,
      warmup: Object.fromEntries(Object.entries(train.warmup).filter(([, value]) => value !== null)),
    }).toEqual(expected);
    expect([select.high, select.ratio, select.conf_thresh]).toEqual(
      name === 'cityscapes' ? [0.92, 0.96, 0] : [0.92, 0.96, expect.any(Number)],
    );
    expect([loss.ohem_threshold, loss.ohem_min_kept_per_image]).toEqual([0.7, 100000]);
    expect([train.momentum, train.weight_decay, train.power, train.ema, train.ema_warmup]).toEqual([0.9, 1e-4, 0.9, 0.996, false]);
    expect([model.stem, model.output_stride, data.cutmix_partner, train.batch_norm]).toEqual(['auto', 16, 'same', 'shared']);
  });

  it.each([
    ['pascal-stpp', 321, 400, 80, 0.001],
    ['cityscapes-stpp', 721, 2048, 240, 0.004],
  ] as const)('%s.yaml holds the numbers of SPEC section 8b', (name, crop, base, epochs, lr) => {
    const { data, model, train } = loadConfig(fileOf(name), ['data.root=/data']);
    expect([data.crop_size, data.scale_base, train.epochs, train.lr, train.lr_multi]).toEqual([crop, base, epochs, lr, 10]);
    // The program doubles the batch of methods without unlabelled views: 16.
    expect(2 * train.batch_size).toBe(16);
    expect([model.stem, model.output_stride, model.aspp_dropout, model.fuse_dropout]).toEqual(['standard', 8, 0.5, 0.1]);
  });

  it('asks fixmatch for two images a batch, which cityscapes.yaml does not have', () => {
    const file = fileOf('cityscapes');
    const sets = ['data.root=/data', 'method=fixmatch'];
    expect(() => loadConfig(file, sets)).toThrow(/train\.batch_size: got 1; allowed with fixmatch: at least 2/);
    expect(loadConfig(file, [...sets, 'train.batch_size=2']).train.batch_size).toBe(2);
  });
});

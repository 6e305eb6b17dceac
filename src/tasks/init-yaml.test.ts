import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../config/load.ts';
import { type Colour, vocPalette } from '../data/catalog/index.ts';
import type { Classes } from './init-classes.ts';
import { chooseSettings } from './init-settings.ts';
import { type Written, yamlText } from './init-yaml.ts';

const machine = { cores: 2, memory: 8, cuda: false, precision: 'bf16' } as const;

function written(classes: Classes, more: Partial<Written> = {}): Written {
  const counts = { labelled: 8, unlabelled: 30, val: 2 };
  const settings = chooseSettings([{ width: 640, height: 480 }], counts, machine);
  return { file: 'a.yaml', root: '/data', lists: '/lists', seed: 3, counts, classes, settings, images: '', machine: '', ...more };
}

const numbers = (names: readonly string[]): Classes => ({
  stored: 'numbers',
  classes: names.map((name, label) => ({ name, label, pixels: 10, images: 2 })),
  ignored: [],
  labelMap: {},
  notes: [],
  warnings: [],
});

describe('yamlText', () => {
  it('says what was decided, with a comment on every key', () => {
    const text = yamlText(written({ ...numbers(['sky', 'sea']), labelMap: { 1: 0, 7: 1, 9: 255 }, ignored: [9] }));
    const { settings } = written(numbers(['a', 'b']));
    expect(parseConfig(text, 'a.yaml')).toMatchObject({
      method: 'dssn',
      seed: 3,
      model: { backbone: settings.backbone, stem: 'standard', decoder_channels: 64 },
      data: {
        dataset: 'folder',
        root: '/data',
        split: '/lists',
        classes: ['sky', 'sea'],
        label_map: { 1: 0, 7: 1, 9: 255 },
        long_side: 240,
        crop_size: 97,
      },
      train: {
        batch_size: 4,
        iterations: 3000,
        burn_in: 0.5,
        lr: 0.02,
        ema: 0.997,
        ema_warmup: true,
        batch_norm: 'separate',
        precision: 'bf16',
        eval_every: 500,
      },
    });
    expect(parseConfig(text, 'a.yaml').data.palette).toEqual(vocPalette(2));
    const lines = text.split('\n');
    for (const [index, line] of lines.entries())
      if (/^ *\w+: \S/.test(line) && !line.includes('ema_warmup')) expect(`${lines[index - 1]}\n${line}`).toMatch(/#/);
  });

  it('keeps colours of label maps, for pictures too where they can be seen', () => {
    const palette: Colour[] = [
      [0, 0, 0],
      [255, 0, 128],
    ];
    const [first, second] = numbers(['a', 'b']).classes;
    const classes: Classes = { ...numbers([]), stored: 'colours', classes: [first!, { ...second!, label: 0xff0080 }], ignored: [0xffffff] };
    const read = (given: Classes) => parseConfig(yamlText(written(given)), 'a.yaml').data;
    expect(read({ ...classes, palette })).toMatchObject({
      label_colours: palette,
      ignore_colours: [[255, 255, 255]],
      palette: null,
      label_map: null,
    });
    expect(read(classes)).toMatchObject({ label_colours: palette, palette: vocPalette(2) });
  });

  it('is YAML that means what it says, whatever classes and folders are called', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 90 })
      .filter((text) => text.trim() === text && !/[\r\n\u0085\u2028\u2029]/.test(text));
    const odd = fc.constantFrom('yes', 'null', '~', '1.5', '# a', 'a: b', "it's", '- x', '[a]', '0x10', 'a #b', '"', '@', '2001-01-01');
    const names = fc.uniqueArray(fc.oneof(name, odd), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(names, fc.oneof(name, odd), (classes, folder) => {
        const { data } = parseConfig(yamlText(written(numbers(classes), { root: `/${folder}`, lists: `/lists of ${folder}` })), 'a.yaml');
        expect([data.classes, data.root, data.split]).toEqual([classes, `/${folder}`, `/lists of ${folder}`]);
      }),
    );
  });
});

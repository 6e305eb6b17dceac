/** The configuration that `dssn init` writes: YAML with a comment on every key. */
import { stringify } from 'yaml';
import { shellWord } from '../base/shown.ts';
import { colourKey, vocPalette } from '../data/catalog/index.ts';
import { type Classes, colourOf, shownLabel } from './init-classes.ts';
import type { Settings } from './init-settings.ts';

/** All that the file says. */
export interface Written {
  /** The file itself, as a user types it; the folders of the images and of the lists, absolute. */
  readonly file: string;
  readonly root: string;
  readonly lists: string;
  readonly seed: number;
  readonly counts: { readonly labelled: number; readonly unlabelled: number; readonly val: number };
  readonly classes: Classes;
  readonly settings: Settings;
  /** Sizes of the images and the machine, in words. */
  readonly images: string;
  readonly machine: string;
}

/** A text as YAML, on one line. */
const text = (value: string): string => stringify(value, { lineWidth: 0 }).trim();
const list = (values: readonly number[]): string => `[${values.join(', ')}]`;

/** A list of one class a line. */
const perClass = (key: string, lines: readonly string[], comments: readonly string[]): string[] => {
  const width = Math.max(...lines.map((line) => line.length));
  return [`  ${key}:`, ...lines.map((line, k) => (comments[k] ? `    - ${line.padEnd(width)}  # ${comments[k]}` : `    - ${line}`))];
};

function classLines({ classes, stored }: Classes): string[] {
  const all = classes.reduce((sum, { pixels }) => sum + pixels, 0);
  const share = (pixels: number): string => `${((100 * pixels) / all).toFixed(pixels < all / 1000 ? 3 : 1)} %`;
  return [
    `  # ${classes.length} classes. Rename them as you like; their order is that of the train labels 0, 1, ...`,
    ...perClass(
      'classes',
      classes.map(({ name }) => text(name)),
      classes.map(
        ({ label, pixels, images }) =>
          `${stored === 'numbers' ? 'label' : 'colour'} ${shownLabel(label, stored)}: ${share(pixels)} of the pixels, ${images} label map${images === 1 ? '' : 's'}`,
      ),
    ),
  ];
}

/** How stored labels become classes. */
function storedLines({ classes, stored, ignored, labelMap }: Classes): string[] {
  if (stored === 'colours')
    return [
      '  # The colour of each class in the label maps; any other is an error.',
      ...perClass(
        'label_colours',
        classes.map(({ label }) => list(colourOf(label))),
        classes.map(({ name }) => text(name)),
      ),
      '  # Colours of pixels without a label.',
      `  ignore_colours: ${ignored.length > 0 ? `[${ignored.map((label) => list(colourOf(label))).join(', ')}]` : '[]'}`,
    ];
  const pairs = Object.entries(labelMap).map(([label, train]) => `${label}: ${train}`);
  if (pairs.length === 0) return ['  # The label maps hold the train labels themselves; 255 is ignored.', '  label_map: null'];
  const nulls = Object.values(labelMap).includes(null) ? ', null = an error, since it occurs nowhere' : '';
  return [`  # Number in the label maps -> train label, where they differ; 255 = ignored${nulls}.`, `  label_map: { ${pairs.join(', ')} }`];
}

function paletteLines({ classes, stored, palette }: Classes): string[] {
  const same = palette && stored === 'colours' && palette.every((colour, k) => colourKey(colour) === classes[k]!.label);
  if (same) return [];
  const why = palette ? "the label maps' own" : "Pascal VOC's, since the label maps have none to tell classes by";
  return [
    `  # Colours of predictions and pictures: ${why}.`,
    ...perClass(
      'palette',
      (palette ?? vocPalette(classes.length)).map(list),
      classes.map(({ name }) => text(name)),
    ),
  ];
}

function trainLines({ settings: s, counts }: Written): string[] {
  const supervised = s.method === 'supervised';
  return [
    'train:',
    supervised
      ? '  # Half of the labelled images of an iteration.'
      : '  # Labelled images of an iteration, and as many unlabelled ones (with method supervised, twice the labelled ones).',
    `  batch_size: ${s.batch_size}`,
    '  # SGD steps. More are better, as long as the scores of the validation list rise.',
    `  iterations: ${s.iterations}`,
    ...(supervised
      ? []
      : [
          s.burn_in > 0
            ? '  # The first part learns from labelled images alone, so that pseudo-labels are worth something when they begin.'
            : `  # A part that learns from labelled images alone, which ${counts.labelled} are too few for.`,
          `  burn_in: ${s.burn_in}`,
        ]),
    '  # Base learning rate, falling as (1 - k/T)^0.9: for a network from scratch. With pretrained weights 0.002.',
    `  lr: ${s.lr}`,
    '  # What it is multiplied by beyond the backbone. With pretrained weights 10.',
    `  lr_multi: ${s.lr_multi}`,
    ...(supervised
      ? []
      : [
          '  # What the teacher keeps of itself per iteration, and whether it follows faster in the first ones.',
          '  ema: 0.997',
          '  ema_warmup: true',
        ]),
    '  # Strong views stay out of the statistics that evaluation uses.',
    '  batch_norm: separate',
    "  # bf16 where this machine's processor multiplies in it, else fp32.",
    `  precision: ${s.precision}`,
    '  # Iterations between evaluations on the validation list.',
    `  eval_every: ${s.eval_every}`,
  ];
}

/** The file's text. */
export function yamlText(written: Written): string {
  const { file, root, lists, seed, counts, classes, settings: s } = written;
  return `${[
    `# Written by dssn init: ${counts.labelled} labelled, ${counts.unlabelled} unlabelled, ${counts.val} validation images, ${written.images}.`,
    `# Machine: ${written.machine}.`,
    '#',
    `#   dssn check --config ${shellWord(file)}`,
    `#   dssn train --config ${shellWord(file)} --out runs/first`,
    '',
    s.method === 'dssn'
      ? '# dssn learns from the unlabelled images too; supervised (labelled images alone) is what to compare it with; also st, stpp, fixmatch, unimatch.'
      : '# From labelled images alone: there are no unlabelled ones.',
    `method: ${s.method}`,
    '# Initial weights, order, crops, augmentations, dropped channels: all of it.',
    `seed: ${seed}`,
    `# A file of backbone weights, or auto: pretrained/${s.backbone}.pth. The best that one can do for few labels.`,
    'pretrained: null',
    '',
    'model:',
    '  # The encoder. resnet10, resnet18, resnet34 are for CPUs; resnet50, resnet101, xception for GPUs.',
    `  backbone: ${s.backbone}`,
    "  # standard = torchvision's first layer; deep = the published three; auto = that of the pretrained file.",
    `  stem: ${s.stem}`,
    '  # Channels of the decoder: 256 as published, 64 for CPUs.',
    `  decoder_channels: ${s.decoder_channels}`,
    '',
    'data:',
    '  # Images of your own: what follows says all about them.',
    '  dataset: folder',
    "  # The lists' paths are relative to it.",
    `  root: ${text(root)}`,
    '  # The folder of the lists labeled.txt, unlabeled.txt and val.txt. Move lines between labeled.txt and val.txt as you like.',
    `  split: ${text(lists)}`,
    ...classLines(classes),
    ...storedLines(classes),
    ...paletteLines(classes),
    '  # Images are brought to this long side before anything else (null: left as they are). Scores are taken at full size.',
    `  long_side: ${s.long_side}`,
    '  # Side of the square training crop, pixels.',
    `  crop_size: ${s.crop_size}`,
    '',
    ...trainLines(written),
  ].join('\n')}\n`;
}

import { describe, expect, it } from 'vitest';
import { labelTable } from '../data/catalog/index.ts';
import { countLabels, type ImageFacts } from '../data/check/examine.ts';
import {
  duplicates,
  type Examined,
  fileErrors,
  histogram,
  imageWarnings,
  isUsable,
  sizesOf,
  smallImages,
  unseenClasses,
} from './check-problems.ts';
import { chooseImages } from './check-sheet.ts';
import type { ListName } from './check-types.ts';

const classes = ['road', 'sky', 'car'];
const table = labelTable({ classes });

/** A sample of 10 x 10 pixels: so many pixels of each label, the rest ignored. */
function sample(list: ListName, name: string, labels?: Readonly<Record<number, number>>, facts: Partial<ImageFacts> = {}): Examined {
  const data = new Uint8Array(100).fill(255);
  let at = 0;
  for (const [label, pixels] of Object.entries(labels ?? {})) {
    data.fill(Number(label), at, at + pixels);
    at += pixels;
  }
  return {
    list,
    sample: { id: name, image: `${name}.jpg`, ...(labels && { mask: `${name}.png` }) },
    faults: [],
    image: { width: 10, height: 10, hash: name, low: 0, high: 255, turn: 'none', ...facts },
    ...(labels && { labels: countLabels({ width: 10, height: 10, data }, table) }),
  };
}

const texts = (problems: readonly { readonly text: string }[]): string[] => problems.map(({ text }) => text);

describe('problems', () => {
  it('labels out of range: file, value, pixels, place, and what is allowed', () => {
    const wrong = sample('labelled', 'a', { 0: 37, 7: 2, 200: 1 });
    expect(fileErrors([wrong, sample('val', 'b', { 1: 100 })], table)).toEqual([
      {
        level: 'error',
        kind: 'label_out_of_range',
        list: 'labelled',
        file: 'a.png',
        label: 7,
        pixels: 2,
        row: 3,
        column: 7,
        text: 'a.png: label 7 in 2 pixels, the first at row 3, column 7; allowed: 0..2, 255',
      },
      expect.objectContaining({ label: 200, pixels: 1, row: 3, column: 9, text: expect.stringContaining('label 200 in 1 pixel, ') }),
    ]);
    expect([isUsable(wrong), isUsable(sample('val', 'b', { 1: 100 }))]).toEqual([false, true]);
  });

  it('colours that are no labels', () => {
    const base = sample('val', 'b', { 1: 100 });
    const wrong = { ...base, labels: { ...base.labels!, wrong: [{ colour: [1, 2, 3] as const, pixels: 1, row: 0, column: 4 }] } };
    const [problem] = fileErrors([wrong], new Map([[0xff0000, 0]]));
    expect(problem).toMatchObject({ kind: 'label_out_of_range', colour: [1, 2, 3], pixels: 1 });
    expect(problem!.text).toBe('b.png: colour [1, 2, 3] in 1 pixel, the first at row 0, column 4; allowed: [255, 0, 0]');
  });

  it('duplicates across lists, not within one', () => {
    const same = { hash: 'x' };
    const found = duplicates([
      sample('labelled', 'l1', { 0: 1 }, same),
      sample('labelled', 'l2', { 0: 1 }, same),
      sample('val', 'v1', { 0: 1 }, same),
      sample('val', 'v2', { 0: 1 }, { hash: 'y' }),
      sample('unlabelled', 'u1', undefined, same),
      sample('unlabelled', 'u2', undefined, { hash: 'y' }),
      sample('unlabelled', 'u3'),
    ]);
    expect(found.map(({ kind, file, list, other, other_list }) => [kind, file, list, other, other_list])).toEqual([
      ['duplicate_train_val', 'v1.jpg', 'val', 'l1.jpg', 'labelled'],
      ['duplicate_labelled_unlabelled', 'u1.jpg', 'unlabelled', 'l1.jpg', 'labelled'],
      ['duplicate_train_val', 'v2.jpg', 'val', 'u2.jpg', 'unlabelled'],
    ]);
    expect(found[0]!.text).toBe('v1.jpg (val) has the pixels of l1.jpg (labelled)');
  });

  it('single images: nothing labelled, no contrast, turns', () => {
    expect(
      texts(
        imageWarnings([
          sample('labelled', 'good', { 0: 1 }, { turn: 'turned' }),
          sample('val', 'bare', {}),
          sample('labelled', 'wrong', { 9: 1 }),
          sample('unlabelled', 'black', undefined, { low: 0, high: 0 }),
          sample('unlabelled', 'dark', undefined, { low: 0, high: 15 }),
          sample('unlabelled', 'dim', undefined, { low: 0, high: 16 }),
          sample('labelled', 'square', { 0: 1 }, { turn: 'either' }),
          sample('labelled', 'lying', { 0: 1 }, { turn: 'stored' }),
        ]),
      ),
    ).toEqual([
      'bare.png: every pixel is ignored',
      'black.jpg: every value is 0',
      'dark.jpg: values from 0 to 15 of 255',
      'square.jpg: its label map fits the turned and the stored image; taken as turned',
      'lying.jpg: its label map fits the stored image, so it is not turned as predict would',
    ]);
  });

  it('images smaller than the crop, at the long side in use, validation left out', () => {
    const lists = [
      sample('labelled', 'a', { 0: 1 }, { width: 100, height: 50 }),
      sample('unlabelled', 'b', undefined, { width: 80, height: 80 }),
      sample('val', 'c', { 0: 1 }, { width: 5, height: 5 }),
    ];
    expect(smallImages(lists, 50, null)).toEqual([]);
    expect(texts(smallImages(lists, 51, null))).toEqual([
      '1 of 2 training images are smaller than data.crop_size 51 on a side: the rest of their crops is padding',
    ]);
    expect(texts(smallImages(lists, 26, 50))[0]).toMatch(/^1 of 2 .* at data\.long_side 50/);
    expect(smallImages(lists, 25, 50)).toEqual([]);
  });
});

describe('the histogram', () => {
  const lists = [sample('labelled', 'a', { 0: 60, 1: 20 }), sample('labelled', 'b', { 0: 20 }), sample('val', 'c', { 1: 10, 2: 30 })];

  it('counts pixels, shares and images of each class and list', () => {
    const { classes: counts, ignored } = histogram(lists, classes);
    expect(counts).toEqual([
      { name: 'road', labelled: { pixels: 80, share: 0.8, images: 2 }, val: { pixels: 0, share: 0, images: 0 } },
      { name: 'sky', labelled: { pixels: 20, share: 0.2, images: 1 }, val: { pixels: 10, share: 0.25, images: 1 } },
      { name: 'car', labelled: { pixels: 0, share: 0, images: 0 }, val: { pixels: 30, share: 0.75, images: 1 } },
    ]);
    expect(ignored).toEqual({ labelled: { pixels: 100, share: 0.5, images: 2 }, val: { pixels: 60, share: 0.6, images: 1 } });
    expect(unseenClasses({ classes: counts, ignored }).map(({ kind, class: name }) => [kind, name])).toEqual([
      ['class_never_labelled', 'car'],
      ['class_never_in_val', 'road'],
    ]);
  });

  it('says nothing of classes where no label map could be read', () => {
    expect(unseenClasses(histogram([sample('unlabelled', 'a'), sample('val', 'b', {})], classes)).map(({ kind }) => kind)).toEqual([
      'class_never_in_val',
      'class_never_in_val',
      'class_never_in_val',
    ]);
  });

  it('lists sizes, the most frequent first', () => {
    const wide = { width: 20, height: 10 };
    expect(sizesOf([...lists, sample('val', 'd', { 0: 1 }, wide), { ...sample('val', 'e'), image: undefined! }])).toEqual([
      { width: 10, height: 10, images: 3 },
      { ...wide, images: 1 },
    ]);
  });
});

describe('the images of a contact sheet', () => {
  const names = (labelled: readonly Examined[], count = 3): (string | number | undefined)[][] =>
    chooseImages(labelled, count).map(({ one, shows }) => [one.sample.id, shows]);

  it('show every class where it is largest, the rarest class first', () => {
    const labelled = [
      sample('labelled', 'much sky', { 1: 90 }),
      sample('labelled', 'road', { 0: 50, 1: 5 }),
      sample('labelled', 'more road', { 0: 70, 1: 5 }),
      sample('labelled', 'a car', { 2: 3, 1: 20 }),
    ];
    expect(names(labelled)).toEqual([
      ['a car', 2],
      ['more road', 0],
      ['much sky', undefined],
      ['road', undefined],
    ]);
  });

  it('are twelve from all over a list that has more, and more where the classes need them', () => {
    const plain = Array.from({ length: 100 }, (_, k) => sample('labelled', `${k}`, { 0: 50 }));
    const chosen = names(plain);
    expect(chosen).toHaveLength(12);
    expect(chosen[0]).toEqual(['0', 0]);
    expect(Number(chosen.at(-1)![0])).toBeGreaterThan(90);
    const many = Array.from({ length: 40 }, (_, k) => sample('labelled', `${k}`, { 0: 50 }));
    const own = many.map((one, k) => ({
      ...one,
      labels: { width: 10, height: 10, wrong: [], counts: Array.from({ length: 256 }, (_, label) => (label === k ? 50 : 0)) },
    }));
    expect(names(own, 20).filter(([, shows]) => shows !== undefined)).toHaveLength(20);
    expect(names(own, 40)).toHaveLength(32);
  });
});

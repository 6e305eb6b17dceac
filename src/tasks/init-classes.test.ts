import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '../base/errors.ts';
import { INVALID_LABEL, resolveDataset, storedLabels } from '../data/catalog/index.ts';
import { colourOf, decideClasses, parseNames } from './init-classes.ts';
import type { LabelMaps } from './init-labels.ts';

const folder = mkdtempSync(join(tmpdir(), 'init-classes-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Label maps with so many pixels of each label. */
const maps = (pixels: Readonly<Record<number, number>>, more: Partial<LabelMaps> = {}): LabelMaps => ({
  stored: 'numbers',
  how: '',
  counts: new Map(Object.entries(pixels).map(([label, count]) => [Number(label), { pixels: count, images: 3 }])),
  present: [],
  ...more,
});
const equal = (...labels: readonly number[]): Record<number, number> => Object.fromEntries(labels.map((label) => [label, 100]));
const each = (...pixels: readonly (readonly [label: number, pixels: number])[]): Record<number, number> => Object.fromEntries(pixels);
const colours = { stored: 'colours' } as const;

/** Names, label map and ignored labels. */
function decided(given: LabelMaps, ignore: readonly string[] = [], names?: string) {
  const nameFile = join(folder, 'classes.txt');
  if (names !== undefined) writeFileSync(nameFile, names);
  const { classes, labelMap, ignored, warnings } = decideClasses(given, { ignore, ...(names !== undefined && { nameFile }) });
  return { names: classes.map(({ name }) => name), labelMap, ignored, warnings };
}

describe('decideClasses', () => {
  it.each<
    [what: string, given: LabelMaps, ignore: readonly string[], names: readonly string[], labelMap: object, ignored: readonly number[]]
  >([
    ['0 and 255 are a mask', maps(equal(0, 255)), [], ['background', 'foreground'], { 255: 1 }, []],
    ['0 and 1 are a mask, too', maps(equal(0, 1, 255)), [], ['background', 'foreground'], {}, [255]],
    ['beside others 255 is ignored', maps(equal(0, 1, 2, 255)), [], ['class_0', 'class_1', 'class_2'], {}, [255]],
    [
      'numbers with gaps become 0, 1, 2',
      maps(equal(4, 7, 33)),
      [],
      ['class_4', 'class_7', 'class_33'],
      { 0: null, 1: null, 2: null, 4: 0, 7: 1, 33: 2 },
      [],
    ],
    ['what is told is ignored', maps(equal(0, 1, 2, 11)), ['11'], ['class_0', 'class_1', 'class_2'], { 11: 255 }, [11]],
    ['a mask of 1 and 2, and 0 for nothing', maps(equal(0, 1, 2)), ['0'], ['class_1', 'class_2'], { 0: 255, 1: 0, 2: 1 }, [0]],
    [
      'colours by how common they are',
      maps(each([0xff0000, 5], [0x00ff00, 9], [0x0000ff, 7]), colours),
      [],
      ['class_0', 'class_1', 'class_2'],
      {},
      [],
    ],
    ['black and a colour are a mask', maps(each([0, 5], [0x00ff00, 9]), colours), [], ['background', 'foreground'], {}, []],
    [
      'colours are ignored by either spelling',
      maps(equal(0, 1, 0xff0080, 0x102030), colours),
      ['#FF0080', '16,32,48'],
      ['background', 'foreground'],
      {},
      [0x102030, 0xff0080],
    ],
  ])('%s', (_, given, ignore, names, labelMap, ignored) => {
    expect(decided(given, ignore)).toMatchObject({ names, labelMap, ignored });
  });

  it('refuses masks of two kinds, and doubts a 255 that is much of the pixels', () => {
    const two = maps(equal(0, 1, 255), { present: [[0, 1], [0, 255], [0]] });
    expect(() => decided(two)).toThrow(/^1 label maps hold 0 and 1, 1 hold 0 and 255, and none all three: masks of two kinds/);
    // A border that is ignored stands beside the foreground.
    expect(
      decided(
        maps(each([0, 1000], [1, 1000], [255, 20]), {
          present: [
            [0, 1, 255],
            [0, 1],
          ],
        }),
      ).warnings,
    ).toEqual([]);
    expect(decided(two, ['255'])).toMatchObject({ ignored: [255], warnings: [] });
    expect(decided(maps(equal(0, 128, 255), { present: [[0, 128, 255]] })).warnings).toEqual([
      'label 255, which is ignored, has 33 % of the pixels; if it is a class, write it as another number',
    ]);
  });

  it('doubts names that may count from 1, and takes the first of equal colours of a palette', () => {
    expect(decided(maps(equal(1, 2, 3)), [], 'a\nb\nc\nd\n')).toMatchObject({
      names: ['b', 'c', 'd'],
      warnings: [expect.stringMatching(/^classes\.txt has more names than there are labels, and no label is 0/)],
    });
    const palette = [
      [0, 0, 0],
      [200, 0, 0],
      [0, 0, 0],
    ] as const;
    expect(decided(maps(equal(0, 1), { palette }), [], 'background,0,0,0\ncar,200,0,0\n').names).toEqual(['background', 'car']);
  });

  it('orders colours by their pixels, and doubts black and rare ones', () => {
    const { classes, warnings } = decideClasses(maps(each([0, 50], [0xff0000, 90_000], [0x00ff00, 200_000], [0x0000ff, 3]), colours), {
      ignore: [],
    });
    expect(classes.map(({ label }) => label)).toEqual([0x00ff00, 0xff0000, 0, 0x0000ff]);
    expect(warnings).toEqual([
      expect.stringMatching(/few pixels.*: \[0, 0, 255\] \(3 pixels\); --ignore/),
      expect.stringMatching(/^black is a class/),
    ]);
  });

  it('takes names from a file, where it can be told what they name', () => {
    const three = maps(equal(0, 1, 2));
    expect(decided(three, [], 'sky\nroad\ntree\n').names).toEqual(['sky', 'road', 'tree']);
    expect(decided(three, [], 'sky\nroad\ntree\nboat\n').names).toEqual(['sky', 'road', 'tree']);
    expect(decided(three, [], '2 tree\n0 sky\n').names).toEqual(['sky', 'class_1', 'tree']);
    expect(decided(maps(equal(3, 5)), [], 'a\nb\n').names).toEqual(['a', 'b']);
    expect(decided(three, [], 'void\nroad\nroad\n')).toMatchObject({
      names: ['road', 'road 2'],
      labelMap: { 0: 255, 1: 0, 2: 1 },
      ignored: [0],
    });
    expect(decided(three, [], 'sky\nroad\n')).toMatchObject({
      names: ['class_0', 'class_1', 'class_2'],
      warnings: ['classes.txt does not name the classes: 2 names for 3 labels, the largest 2'],
    });
    const rgb = maps(each([0x010203, 5], [0xffffff, 9]), colours);
    expect(decided(rgb, [], 'name,r,g,b\nroad,1,2,3\nsky,255,255,255\nboat,9,9,9\n').names).toEqual(['sky', 'road']);
    expect(decided(rgb, [], 'road\nsky\n').warnings).toEqual([
      'classes.txt does not name the classes: it does not say which colour is which',
    ]);
    const palette = [colourOf(0xffffff), colourOf(0x010203)];
    expect(decided(maps(equal(0, 1), { palette }), [], '1 2 3 road\n255 255 255 sky\n').names).toEqual(['sky', 'road']);
  });

  it('keeps a palette whose colours can be told apart', () => {
    const palette = [0x000000, 0xff0000, 0x00ff00].map(colourOf);
    expect(decideClasses(maps(equal(0, 2, 255), { palette }), { ignore: [] }).palette).toEqual([palette[0], palette[2]]);
    expect(decideClasses(maps(equal(0, 3), { palette }), { ignore: [] }).palette).toBeUndefined();
    expect(decideClasses(maps(equal(0, 1), { palette: [0, 0x010101].map(colourOf) }), { ignore: [] }).palette).toBeUndefined();
  });

  it('refuses too few and too many classes, and labels that are none', () => {
    expect(() => decided(maps(equal(7)))).toThrow(/hold only 7; allowed: 2 to 254 classes/);
    expect(() => decided(maps(equal(0, 1)), ['0', '1'])).toThrow(DataError);
    expect(() => decided(maps(equal(...Array.from({ length: 255 }, (_, i) => i))))).toThrow(/hold 255 labels; allowed/);
    expect(() => decided(maps(equal(0, 1)), ['256'])).toThrow(ConfigError);
    expect(() => decided(maps(equal(0, 1), colours), ['red'])).toThrow(/these label maps hold colours; allowed: #rrggbb or r,g,b/);
    expect(decided(maps(equal(0, 1)), ['9']).warnings).toEqual(['--ignore 9: no label map holds it']);
  });

  it('gives every stored label its class or nothing, whatever the labels are', () => {
    const labels = fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 3, maxLength: 40 });
    fc.assert(
      fc.property(labels, fc.integer({ min: 0, max: 255 }), (given, ignore) => {
        fc.pre(given.filter((label) => label !== ignore && label !== 255).length > 1);
        const { classes, labelMap } = decideClasses(maps(equal(...given)), { ignore: [String(ignore)] });
        const names = classes.map(({ name }) => name);
        const table = storedLabels(resolveDataset('folder', { classes: names, labelMap }));
        for (const label of given) {
          const k = classes.findIndex((one) => one.label === label);
          expect((table as Uint8Array)[label]).toBe(k < 0 ? 255 : k);
        }
        // What occurs nowhere is no class, but for 255 and a mask's 1.
        const absent = names.map((_, k) => k).filter((k) => !given.includes(k) && k !== ignore && names[0] !== 'background');
        for (const label of absent) expect((table as Uint8Array)[label]).toBe(INVALID_LABEL);
      }),
    );
  });
});

it('parseNames reads names alone, after numbers and beside colours', () => {
  expect(parseNames('\uFEFFroad sign\r\n\n# note\n3: sea\n4 sky\n')).toEqual([
    { name: 'road sign' },
    { name: 'sea', label: 3 },
    { name: 'sky', label: 4 },
  ]);
  expect(parseNames('name,r,g,b\ncar 2,1,2,3\n64 128 64\tAnimal\nbus:0,0,60::\n')).toEqual([
    { name: 'car 2', colour: 0x010203 },
    { name: 'Animal', colour: 0x408040 },
    { name: 'bus', colour: 60 },
  ]);
});

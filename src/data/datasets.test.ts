/** The datasets of the field on small trees in their true layout: lists, files, labels. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeCityscapes, writeCoco, writePascal } from '../../test/support/dataset-trees.ts';
import { datasetNamed, INVALID_LABEL, labelTable, resolveDataset, vocPalette } from './catalog/index.ts';
import { checkFiles, loadSplit } from './lists.ts';
import { decodeSample } from './loader/source.ts';
import { findLabels } from './other-labels.ts';
import type { LabelMap, Sample } from './types.ts';

const root = mkdtempSync(join(tmpdir(), 'datasets-'));
afterAll(() => rmSync(root, { recursive: true }));

const labelsOf = async (folder: string, sample: Sample, name: string): Promise<LabelMap> =>
  (await decodeSample(folder, sample, labelTable(datasetNamed(name)))).labels!;
const firstOf = (map: LabelMap, columns: readonly number[]): number[] => columns.map((x) => map.data[x]!);

describe('pascal', () => {
  const pascal = datasetNamed('pascal');

  it("has the field's 21 classes in their order and VOC's colours", () => {
    expect([pascal.classes.length, pascal.evalMode]).toEqual([21, 'original']);
    expect([0, 5, 11, 15, 20].map((label) => pascal.classes[label])).toEqual([
      'background',
      'bottle',
      'dining table',
      'person',
      'tv monitor',
    ]);
    expect(pascal.palette).toEqual(vocPalette(256).slice(0, 21));
    expect([pascal.palette[15], vocPalette(256)[255]]).toEqual([
      [192, 128, 128],
      [224, 224, 192],
    ]);
    const table = labelTable(pascal);
    expect([table[20], table[21], table[255]]).toEqual([20, INVALID_LABEL, 255]);
  });

  it('reads palette PNGs with borders of 255; unlabelled images need no mask', async () => {
    const folder = join(root, 'pascal');
    await writePascal(folder);
    const lists = loadSplit(pascal, folder, '1_8');
    expect([lists.labelled, lists.unlabelled, lists.val].map((list) => list.map(({ id }) => id.at(-1)).join(''))).toEqual([
      '03',
      '1245',
      '67',
    ]);
    expect(lists.listed).toBe(false);
    const labels = await labelsOf(folder, lists.labelled[0]!, 'pascal');
    expect([labels.width, labels.height]).toEqual([50, 38]);
    // stripes of eight columns, the last of them a border
    expect(firstOf(labels, [0, 6, 7, 8, 15, 24, 32])).toEqual([0, 0, 255, 15, 255, 12, 20]);
    for (const { mask } of lists.unlabelled) rmSync(join(folder, mask!));
    await checkFiles(folder, [...lists.labelled, ...lists.val]);
    await checkFiles(folder, lists.unlabelled, { masks: false });
  });
});

describe('cityscapes', () => {
  const city = datasetNamed('cityscapes');

  it('has 19 classes, a colour each, and sliding windows', () => {
    expect([city.classes.length, city.palette.length, city.evalMode]).toEqual([19, 19, 'sliding_window']);
    expect([0, 5, 11, 18].map((label) => [city.classes[label], ...city.palette[label]!])).toEqual([
      ['road', 128, 64, 128],
      ['pole', 153, 153, 153],
      ['person', 220, 20, 60],
      ['bicycle', 119, 11, 32],
    ]);
  });

  it('maps the 34 label ids to train ids', () => {
    const i = 255;
    // Ids 0..6, 7..16, 17..23, 24..33 as in cityscapesScripts, helpers/labels.py
    const expected = [i, i, i, i, i, i, i, 0, 1, i, i, 2, 3, 4, i, i, i, 5, i, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, i, i, 16, 17, 18];
    const table = labelTable({ classes: city.classes, labelMap: city.otherLabels!.labelMap });
    expect([...table.subarray(0, 34)]).toEqual(expected);
    expect(new Set(table.subarray(34, 255))).toEqual(new Set([INVALID_LABEL]));
    expect(table[255]).toBe(255);
    expect([...labelTable(city).subarray(0, 20)]).toEqual([...Array.from({ length: 19 }, (_, label) => label), INVALID_LABEL]);
  });

  const filesOf = async (name: string, kinds: Parameters<typeof writeCityscapes>[1], dataset = city) => {
    const folder = join(root, name);
    writeCityscapes(folder, kinds);
    const { labelled, unlabelled, val } = loadSplit(dataset, folder, '1_8');
    const found = await findLabels(folder, [...labelled, ...val], dataset);
    return { folder, unlabelled, found, kinds: found.map(({ mask }) => /_(label\w+)\.png$/.exec(mask!)![1]) };
  };

  it.each([
    ['train ids', () => ['trainIds'] as const, ['labelTrainIds', 'labelTrainIds', 'labelTrainIds', 'labelTrainIds']],
    ['label ids', () => ['labelIds'] as const, ['labelIds', 'labelIds', 'labelIds', 'labelIds']],
    ['both', () => ['trainIds', 'labelIds'] as const, ['labelTrainIds', 'labelTrainIds', 'labelTrainIds', 'labelTrainIds']],
    ['some of each', (key: number) => [key < 2 ? 'trainIds' : 'labelIds'] as const, ['labelTrainIds', 'labelIds', 'labelIds', 'labelIds']],
    ['neither', () => [] as const, ['labelTrainIds', 'labelTrainIds', 'labelTrainIds', 'labelTrainIds']],
  ] as const)('takes train ids where they are there, else label ids: %s', async (name, kindsOf, expected) => {
    const { folder, found, kinds, unlabelled } = await filesOf(name, kindsOf);
    expect(kinds).toEqual(expected);
    expect(unlabelled.length).toBe(4);
    if (name === 'neither') {
      await expect(checkFiles(folder, found)).rejects.toThrow(/4 of 8 files are missing below .*_gtFine_labelTrainIds\.png/);
      return;
    }
    await checkFiles(folder, found);
    const maps = await Promise.all(found.map((sample) => labelsOf(folder, sample, 'cityscapes')));
    expect(maps.map(({ width, height }) => [width, height])).toEqual(found.map(() => [128, 64]));
    // stripes of 21 columns: road, car, static, bicycle, caravan, sky; the last column of each is unlabelled
    expect(firstOf(maps[0]!, [0, 20, 21, 42, 63, 84, 105, 125])).toEqual([0, 255, 13, 255, 18, 255, 10, 255]);
  });

  it('reads label ids by their own table where a list names them', async () => {
    const folder = join(root, 'named');
    writeCityscapes(folder, () => ['labelIds']);
    const { labelled } = loadSplit(city, folder, '1_8');
    const named = labelled.map((sample) => ({ ...sample, mask: sample.mask!.replace('_labelTrainIds', '_labelIds') }));
    const found = await findLabels(folder, named, city);
    expect(found.map(({ mask }) => mask)).toEqual(named.map(({ mask }) => mask));
    expect(firstOf(await labelsOf(folder, found[0]!, 'cityscapes'), [0, 21, 42])).toEqual([0, 13, 255]);
  });

  it('leaves files alone where the configuration has a label map or classes of its own', async () => {
    const own = resolveDataset('cityscapes', { labelMap: { 7: 0 } });
    expect((await filesOf('own map', () => ['labelIds'], own)).kinds).toEqual(new Array(4).fill('labelTrainIds'));
    expect(resolveDataset('cityscapes', { classes: ['a', 'b'] }).otherLabels).toBeUndefined();
    expect(resolveDataset('cityscapes')).toEqual(city);
  });
});

describe('coco', () => {
  const coco = datasetNamed('coco');

  it('has background and 80 things in the order of the category ids', () => {
    expect([coco.classes.length, new Set(coco.classes).size, coco.palette.length, coco.evalMode]).toEqual([81, 81, 81, 'original']);
    const some = [0, 1, 12, 17, 25, 63, 72, 80].map((label) => coco.classes[label]);
    expect(some).toEqual(['background', 'person', 'stop sign', 'dog', 'backpack', 'tv', 'sink', 'toothbrush']);
    const table = labelTable(coco);
    expect([table[80], table[81], table[255]]).toEqual([80, INVALID_LABEL, 255]);
  });

  it('takes all images of train2017 that are not labelled as unlabelled, in an order of its own', async () => {
    const folder = join(root, 'coco');
    await writeCoco(folder);
    const images = readdirSync(join(folder, 'train2017')).map((file) => `train2017/${file}`);
    writeFileSync(join(folder, 'train2017/._000000000001.jpg'), 'what other systems leave behind');
    writeFileSync(join(folder, 'train2017/list.txt'), '');
    const lists = loadSplit(coco, folder, '1_512');
    const labelled = new Set(lists.labelled.map(({ image }) => image));
    expect(labelled.size).toBe(2);
    expect(lists.unlabelled.map(({ image }) => image)).toEqual(images.filter((image) => !labelled.has(image)).sort());
    expect(lists.unlabelled[0]).toEqual({
      id: lists.unlabelled[0]!.image.replace('.jpg', ''),
      image: lists.unlabelled[0]!.image,
      asStored: true,
    });
    expect([lists.listed, lists.files.unlabelled]).toEqual([true, join(folder, 'train2017')]);
    expect(loadSplit(coco, folder, '1_512', { labelledOnly: true }).unlabelled).toEqual([]);
    await checkFiles(folder, [...lists.labelled, ...lists.val]);
    // stripes of ten columns
    const labels = await labelsOf(folder, lists.labelled[0]!, 'coco');
    expect(firstOf(labels, [0, 9, 10, 20, 30, 50])).toEqual([0, 255, 1, 80, 17, 63]);
    for (const { image } of lists.unlabelled) rmSync(join(folder, image));
    expect(() => loadSplit(coco, folder, '1_512')).toThrow(/train2017: every image of it is labelled/);
  });

  it('prefers a list of unlabelled images where there is one', async () => {
    const folder = join(root, 'coco listed');
    await writeCoco(folder);
    const [first] = loadSplit(coco, folder, '1_512').unlabelled;
    writeFileSync(join(folder, 'splits/1_512/unlabeled.txt'), `${first!.image}\n`);
    const lists = loadSplit(coco, folder, '1_512');
    expect([lists.unlabelled, lists.listed]).toEqual([[first], false]);
  });
});

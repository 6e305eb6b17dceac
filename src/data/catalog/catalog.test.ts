import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.ts';
import { datasetNamed, datasets, INVALID_LABEL, labelTable, resolveDataset, storedLabels, vocPalette } from './index.ts';

describe('catalog', () => {
  it('holds a well-formed dataset for every file', () => {
    expect([...datasets.keys()]).toEqual(['camvid', 'cityscapes', 'coco', 'folder', 'pascal', 'shapes']);
    for (const [name, { classes, palette, labelMap, otherLabels }] of datasets) {
      expect(palette.length, name).toBe(classes.length);
      expect(new Set(classes).size, name).toBe(classes.length);
      for (const colour of palette) expect(colour.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)).toBe(true);
      for (const train of Object.values({ ...labelMap, ...otherLabels?.labelMap }))
        expect(train === 255 || train < classes.length, name).toBe(true);
    }
  });

  it("ignores CamVid's twelfth label and allows nothing else", () => {
    const table = labelTable(datasetNamed('camvid'));
    expect([...table.subarray(0, 13)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255, INVALID_LABEL]);
    expect(table[255]).toBe(255);
    expect(table.filter((label) => label === INVALID_LABEL).length).toBe(256 - 13);
  });

  it("colours as Pascal VOC's colour map", () => {
    const palette = vocPalette(22);
    expect(palette.slice(0, 4)).toEqual([
      [0, 0, 0],
      [128, 0, 0],
      [0, 128, 0],
      [128, 128, 0],
    ]);
    expect(palette[15]).toEqual([192, 128, 128]);
    expect(palette[20]).toEqual([0, 64, 128]);
  });

  it('takes classes, palette and label map of the configuration', () => {
    const own = resolveDataset('folder', { classes: ['a', 'b'], labelMap: { 7: 1, 9: 255 } });
    expect(own.palette).toEqual(vocPalette(2));
    const table = labelTable(own);
    expect([table[0], table[1], table[2], table[7], table[9]]).toEqual([0, 1, INVALID_LABEL, 1, 255]);
    expect(resolveDataset('camvid').labelMap).toEqual({ 11: 255 });
    expect(labelTable(resolveDataset('camvid', { labelMap: {} }))[11]).toBe(INVALID_LABEL);
  });

  it('takes colours for labels, which colour the classes too', () => {
    const labelColours = [
      [0, 0, 0],
      [1, 2, 3],
    ] as const;
    const own = resolveDataset('folder', { classes: ['a', 'b'], labelColours, ignoreColours: [[255, 255, 255]] });
    expect(own.palette).toEqual(labelColours);
    expect(storedLabels(own)).toEqual(
      new Map([
        [0xffffff, 255],
        [0, 0],
        [0x010203, 1],
      ]),
    );
    expect(storedLabels(resolveDataset('camvid'))).toEqual(labelTable(datasetNamed('camvid')));
  });

  it.each([
    [() => resolveDataset('camvit'), /no dataset 'camvit', did you mean 'camvid'\?; allowed: .*folder/],
    [() => resolveDataset('folder'), /data\.classes: dataset 'folder' needs/],
    [() => resolveDataset('folder', { classes: ['a', 'a'] }), /'a' stands there twice/],
    [() => resolveDataset('folder', { classes: Array.from({ length: 255 }, (_, i) => `c${i}`) }), /at most 254/],
    [() => resolveDataset('folder', { classes: ['a'], palette: [] }), /data\.palette: 0 colours for 1 classes/],
    [
      () => resolveDataset('folder', { classes: ['a'], labelMap: { 3: 1 } }),
      /data\.label_map: 3 -> 1: allowed train labels: 0\.\.0, and 255/,
    ],
    [() => resolveDataset('folder', { classes: ['a'], labelMap: { 300: 0 } }), /stored label 300 is not one of 0\.\.255/],
  ])('refuses what does not fit: %#', (work, message) => {
    expect(work).toThrow(ConfigError);
    expect(work).toThrow(message);
  });
});

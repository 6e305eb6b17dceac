import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../base/errors.ts';
import { decodeLabelMap } from '../../decode/label-map.ts';
import { checkFiles, loadSplit, type Split } from '../../lists.ts';
import type { Sample } from '../../types.ts';
import { datasetNamed } from '../index.ts';
import { SHAPES_CLASSES } from './classes.ts';
import { drawScene, isOfSunnySummer } from './scene.ts';
import { type ShapesOptions, writeShapes } from './write.ts';

const OPTIONS: ShapesOptions = {
  seed: 5,
  labelled: 3,
  labelledAre: 'sunny-summer',
  unlabelled: 4,
  validation: 2,
  validationSeed: 1005,
  size: { width: 96, height: 72 },
};

/** The first pictures of seed 5 that are of sunny summer days, and the first others. */
const sunny = Array.from({ length: 100 }, (_, index) => index).filter((index) => isOfSunnySummer(5, index));
const labelledIndices = sunny.slice(0, 3);
const others = Array.from({ length: 20 }, (_, index) => index).filter((index) => !labelledIndices.includes(index));
const nameOf = (index: number): string => `train-${String(index).padStart(4, '0')}`;

describe('writeShapes', () => {
  let folder = '';
  let split: Split;
  const progress: string[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dssn-shapes-'));
    await writeShapes(folder, { ...OPTIONS, onProgress: (done, total) => progress.push(`${done}/${total}`) });
    split = loadSplit(datasetNamed('shapes'), folder, 'quickstart');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('stops after the present picture when it is told to', async () => {
    const stop = new AbortController();
    const other = mkdtempSync(join(tmpdir(), 'dssn-shapes-'));
    const whole = await writeShapes(other, { ...OPTIONS, signal: stop.signal, onProgress: (done) => done === 2 && stop.abort() });
    expect([whole, readdirSync(join(other, 'images')).length]).toEqual([false, 2]);
    expect(readdirSync(join(other, 'splits'), { recursive: true })).toEqual(['quickstart']);
    rmSync(other, { recursive: true });
  });

  it('writes a folder that the lists read: counts, files, no mask for unlabelled pictures', async () => {
    expect([split.labelled.length, split.unlabelled.length, split.val.length]).toEqual([3, 4, 2]);
    await checkFiles(folder, [...split.labelled, ...split.unlabelled, ...split.val]);
    expect(split.unlabelled.every(({ mask }) => mask === undefined)).toBe(true);
    expect(split.unlabelled.map(({ id }) => id)).toEqual(others.slice(0, 4).map((index) => `images/${nameOf(index)}`));
    expect(split.unlabelled[0]!.image).toBe(`images/${nameOf(others[0]!)}.jpg`);
    expect(readdirSync(join(folder, 'masks')).sort()).toEqual([
      ...labelledIndices.map((index) => `${nameOf(index)}.png`),
      'val-0000.png',
      'val-0001.png',
    ]);
    expect(progress).toHaveLength(9);
    expect(progress.at(-1)).toBe('9/9');
  });

  it('stores the drawn labels and, but for JPEG, the drawn pictures; evaluation pictures come from their own seed', async () => {
    for (const [sample, seed, index] of [
      [split.labelled[2]!, 5, labelledIndices[2]!],
      [split.val[1]!, 1005, 1],
    ] as const) {
      const { image, labels } = drawScene(seed, index, OPTIONS.size);
      expect(await decodeLabelMap(join(folder, sample.mask!))).toEqual(labels);
      const stored = await sharp(join(folder, sample.image)).raw().toBuffer();
      expect(stored.length).toBe(image.data.length);
      const off = image.data.reduce((sum, value, i) => sum + Math.abs(value - stored[i]!), 0) / stored.length;
      expect(off).toBeLessThan(4);
    }
  });

  it('gives masks the palette of the catalog, and the catalog its classes', async () => {
    const { classes, palette } = datasetNamed('shapes');
    expect(classes).toEqual(SHAPES_CLASSES);
    const mask = join(folder, split.labelled[0]!.mask!);
    const labels = await decodeLabelMap(mask);
    const shown = await sharp(mask).removeAlpha().raw().toBuffer();
    const wrong = labels.data.findIndex((label, i) => palette[label]!.some((value, c) => shown[3 * i + c] !== value));
    expect(wrong).toBe(-1);
  });

  const indexOf = ({ id }: Sample): number => Number(/\d+$/.exec(id)![0]);
  const dealt = async (change: Partial<ShapesOptions>): Promise<{ labelled: number[]; unlabelled: number[] }> => {
    const other = mkdtempSync(join(tmpdir(), 'dssn-shapes-'));
    try {
      await writeShapes(other, { ...OPTIONS, ...change });
      const { labelled, unlabelled } = loadSplit(datasetNamed('shapes'), other, 'quickstart');
      const { labels } = drawScene(5, indexOf(labelled[0]!), OPTIONS.size);
      expect(await decodeLabelMap(join(other, labelled[0]!.mask!))).toEqual(labels);
      return { labelled: labelled.map(indexOf), unlabelled: unlabelled.map(indexOf) };
    } finally {
      rmSync(other, { recursive: true });
    }
  };

  it('labels, of the sunny summer pictures among all, those that show the most classes', async () => {
    const { labelled, unlabelled } = await dealt({ labelledAre: 'sunny-summer-most-classes', labelled: 2, unlabelled: 30 });
    const all = Array.from({ length: 32 }, (_, index) => index);
    expect([...labelled, ...unlabelled].sort((a, b) => a - b)).toEqual(all);
    const shown = (index: number): number => {
      const counts = new Map<number, number>();
      for (const label of drawScene(5, index, OPTIONS.size).labels.data) counts.set(label, (counts.get(label) ?? 0) + 1);
      return [...counts.values()].filter((count) => count >= (96 * 72) / 512).length;
    };
    const candidates = all.filter((index) => isOfSunnySummer(5, index));
    expect(labelled.every((index) => candidates.includes(index))).toBe(true);
    expect(labelled).not.toEqual(candidates.slice(0, 2));
    const left = candidates.filter((index) => !labelled.includes(index));
    expect(Math.min(...labelled.map(shown))).toBeGreaterThanOrEqual(Math.max(...left.map(shown)));
  });

  it('tells when too few pictures are of sunny summer days', async () => {
    const writing = dealt({ labelledAre: 'sunny-summer-most-classes', labelled: 20, unlabelled: 10 });
    await expect(writing).rejects.toThrow(ConfigError);
    await expect(writing).rejects.toThrow(
      /labelled: 20 pictures, but only \d of 30 are of sunny summer days; allowed: at most \d, or more unlabelled/,
    );
  });

  it('writes the same bytes again', async () => {
    const again = mkdtempSync(join(tmpdir(), 'dssn-shapes-'));
    await writeShapes(again, OPTIONS);
    for (const file of [`images/${nameOf(others[1]!)}.jpg`, 'masks/val-0000.png', 'splits/val.txt', 'splits/quickstart/unlabeled.txt'])
      expect(readFileSync(join(again, file)).equals(readFileSync(join(folder, file)))).toBe(true);
    rmSync(again, { recursive: true });
  });

  it('refuses counts, sizes and seeds that cannot be, naming the key', async () => {
    for (const [change, message] of [
      [{ labelled: 0 }, 'labelled: 0 pictures'],
      [{ unlabelled: 1.5 }, 'unlabelled: 1.5 pictures'],
      [{ size: { width: 16, height: 72 } }, 'size: 16 x 72 pixels'],
      [{ validationSeed: 5 }, 'validationSeed: 5'],
    ] as const) {
      const writing = writeShapes(folder, { ...OPTIONS, ...change });
      await expect(writing).rejects.toThrow(ConfigError);
      await expect(writing).rejects.toThrow(message);
    }
  });
});

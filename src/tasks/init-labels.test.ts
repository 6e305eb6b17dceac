import { rmSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { bands, coloured, grey, HEIGHT, indexed, type Palette, photograph, treeOf, WIDTH } from '../../test/support/label-trees.ts';
import { looksSoft, readLabelMaps } from './init-labels.ts';
import type { Reporter } from './types.ts';

const quiet: Reporter = { start() {}, update() {}, end() {}, note() {}, warning() {}, table() {} };
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

async function read(...masks: readonly Uint8Array[]) {
  const image = await photograph(bands([0]));
  const files = masks.flatMap((mask, i) => [[`${i}.jpg`, image] as const, [`${i}.png`, mask] as const]);
  const folder = treeOf(Object.fromEntries(files));
  folders.push(folder);
  const pairs = masks.map((_, i) => ({ image: `${i}.jpg`, mask: `${i}.png` }));
  return readLabelMaps(folder, pairs, quiet);
}

const half = (WIDTH * HEIGHT) / 2;
const first: Palette = [
  [0, 0, 0],
  [200, 0, 0],
];
const longer: Palette = [...first, [0, 0, 9]];
const other: Palette = [
  [200, 0, 0],
  [0, 0, 0],
];

describe('readLabelMaps', () => {
  it('counts numbers, in pixels and label maps', async () => {
    const maps = await read(grey(bands([3, 255])), grey(bands([3, 0])));
    expect([maps.stored, maps.how, maps.palette]).toEqual(['numbers', 'grey levels', undefined]);
    expect([...maps.counts].sort((a, b) => a[0] - b[0])).toEqual([
      [0, { pixels: half, images: 1 }],
      [3, { pixels: 2 * half, images: 2 }],
      [255, { pixels: half, images: 1 }],
    ]);
    expect(maps.present).toEqual([
      [3, 255],
      [0, 3],
    ]);
  });

  it('takes palette numbers where palettes say the same, some only ending sooner', async () => {
    const maps = await read(indexed(bands([0, 1]), first), indexed(bands([1, 2]), longer), grey(bands([0, 2])));
    expect([maps.stored, maps.palette, maps.how]).toEqual(['numbers', longer, 'palette numbers and grey levels']);
    expect([...maps.counts.keys()].sort()).toEqual([0, 1, 2]);
  });

  it('takes colours where palettes differ, and where colours are stored', async () => {
    const differ = await read(indexed(bands([0, 1, 1, 1]), first), indexed(bands([1, 0, 0, 0]), other));
    expect([differ.stored, differ.how]).toEqual(['colours', 'palettes that differ from file to file, so by their colours']);
    expect([...differ.counts].sort((a, b) => a[0] - b[0])).toEqual([
      [0, { pixels: half, images: 2 }],
      [0xc80000, { pixels: 3 * half, images: 2 }],
    ]);
    const mixed = await read(coloured(bands([0, 1]), other), grey(bands([0])));
    expect([mixed.stored, mixed.how, mixed.present]).toEqual(['colours', 'RGB colours in 1 of 2', [[0, 0xc80000], [0]]]);
    expect(mixed.doubt).toMatch(
      /^1 label maps hold grey levels \(such as 1\.png\), 1 RGB colours \(such as 0\.png\): all are read by their colours/,
    );
    expect(differ.doubt).toBeUndefined();
    await expect(read(indexed(bands([0, 1]), first), indexed(bands([1, 0]), other), grey(bands([0, 1])))).rejects.toThrow(
      /^label maps of two kinds: 1 hold grey levels \(such as 2\.png\), 2 palettes that differ from file to file/,
    );
  });

  it('names all that cannot be read at once', async () => {
    const maps = [grey(bands([0, 1])), grey(bands([0, 1])).subarray(0, 60), Buffer.from('no picture'), grey(bands([1, 0]))];
    await expect(read(...maps)).rejects.toThrow(/^2 of 4 label maps cannot be used:\n {2}\S+\/1\.png: .+\n {2}\S+\/2\.png: .+$/);
  });

  it('knows soft edges when it sees them', async () => {
    const soft = bands([0, 255]).map((label, i) => (i < 40 ? 6 * i : label));
    expect(looksSoft(await read(grey(soft)))).toBe(true);
    expect(looksSoft(await read(grey(bands([0, 255]))))).toBe(false);
    // Twenty classes without a gap, mostly background and borders.
    const classes = bands([0, 255]).map((label, i) => (i < 20 ? i : label));
    expect(looksSoft(await read(grey(classes)))).toBe(false);
    expect(looksSoft(await read(grey(bands(Array.from({ length: 32 }, (_, i) => i)))))).toBe(false);
  });
});

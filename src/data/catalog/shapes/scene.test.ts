import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BOAT, CAR, SHAPES_CLASSES, SHAPES_PALETTE } from './classes.ts';
import { drawScene, isOfSunnySummer } from './scene.ts';

const SIZE = { width: 192, height: 144 };
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

describe('drawScene', () => {
  it('gives the same bytes for the same seed and index, on every machine', () => {
    const pinned = [
      [1, 0, '8c6ca76399b4da45', '96d9ee20d914e140'],
      [1, 5, '35c7eed679beba09', '14fee2ec75304cd1'],
      [2, 0, '3e406ef9db208f97', '79118581a2f1910e'],
    ] as const;
    const drawn = pinned.map(([seed, index]) => {
      const { image, labels } = drawScene(seed, index, SIZE);
      return [seed, index, hash(image.data), hash(labels.data)];
    });
    expect(drawn).toEqual(pinned);
  });

  it('draws another picture for another seed, another index, another size', () => {
    const first = drawScene(3, 4, SIZE);
    for (const [seed, index] of [
      [3, 5],
      [4, 4],
      [4, 3],
    ] as const)
      expect(drawScene(seed, index, SIZE).image.data).not.toEqual(first.image.data);
    const small = drawScene(3, 4, { width: 64, height: 50 });
    expect([small.image.width, small.image.height, small.image.data.length]).toEqual([64, 50, 64 * 50 * 3]);
    expect([small.labels.width, small.labels.height, small.labels.data.length]).toEqual([64, 50, 64 * 50]);
  });

  it('calls about 18 in 100 days sunny summer days, and gives them a bluer sky than others', () => {
    const days = Array.from({ length: 2000 }, (_, index) => isOfSunnySummer(12, index));
    expect(days.filter(Boolean).length / days.length).toBeCloseTo(0.4 * 0.44, 1);
    const blue = (sunny: boolean): number => {
      const indices = [...days.keys()].filter((index) => days[index] === sunny).slice(0, 30);
      const above = indices.map((index) => drawScene(12, index, { width: 64, height: 48 }).image.data.subarray(0, 64 * 3 * 4));
      // by how much the uppermost rows are bluer than red
      return above.reduce((sum, rows) => sum + rows.reduce((of, value, i) => of + (i % 3 === 2 ? value : i % 3 === 0 ? -value : 0), 0), 0);
    };
    expect(blue(true)).toBeGreaterThan(1.3 * blue(false));
  });

  it('keeps a long tail: every class is there, sky and land lead, boats, cars and animals are rare', () => {
    const count = 80;
    const pixels = new Float64Array(256);
    const pictures = new Float64Array(256);
    const greys: number[] = [];
    for (let index = 0; index < count; index++) {
      const { image, labels } = drawScene(11, index, SIZE);
      for (const label of labels.data) pixels[label]!++;
      for (const label of new Set(labels.data)) pictures[label]!++;
      greys.push(image.data.reduce((sum, value) => sum + value, 0) / image.data.length);
    }
    const share = [...pixels].map((value) => (100 * value) / (count * SIZE.width * SIZE.height));
    expect(share.slice(SHAPES_CLASSES.length).every((value) => value === 0)).toBe(true);
    const named = (label: string): number => share[SHAPES_CLASSES.indexOf(label as (typeof SHAPES_CLASSES)[number])]!;
    for (const label of ['sky', 'land']) expect(named(label)).toBeGreaterThan(15);
    for (const label of ['tree', 'water', 'road', 'house']) {
      expect(named(label)).toBeGreaterThan(3);
      expect(named(label)).toBeLessThan(18);
    }
    for (const label of ['boat', 'car', 'animal']) {
      expect(named(label)).toBeGreaterThan(0.3);
      expect(named(label)).toBeLessThan(5);
    }
    for (const label of SHAPES_CLASSES.keys()) expect(pictures[label]! / count).toBeGreaterThan(0.2);
    expect(pictures[BOAT]! / count).toBeLessThan(0.6);
    expect(pictures[CAR]! / count).toBeLessThan(0.6);
    // exposed like photographs: neither black nor white, and not all alike
    expect(Math.min(...greys)).toBeGreaterThan(50);
    expect(Math.max(...greys)).toBeLessThan(225);
    expect(Math.max(...greys) - Math.min(...greys)).toBeGreaterThan(30);
  });

  it('has one name and one colour a class, all different', () => {
    expect(SHAPES_PALETTE).toHaveLength(SHAPES_CLASSES.length);
    expect(new Set(SHAPES_CLASSES).size).toBe(SHAPES_CLASSES.length);
    expect(new Set(SHAPES_PALETTE.map(String)).size).toBe(SHAPES_CLASSES.length);
  });
});

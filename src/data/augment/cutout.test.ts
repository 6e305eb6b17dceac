import { expect, it } from 'vitest';
import { random } from '../../base/random.ts';
import { applyCutout, drawCutout } from './cutout.ts';

const side = 65;

it('draws no box half of the time, else one whose area too fits the crop', () => {
  const n = 4000;
  const boxes = Array.from({ length: n }, (_, i) => drawCutout(random('cutout', i), side)).filter((box) => box !== undefined);
  expect(Math.abs(boxes.length / n - 0.5)).toBeLessThan(0.03);
  for (const { top, left, height, width } of boxes) {
    expect(Math.min(top, left)).toBeGreaterThanOrEqual(0);
    expect(Math.max(top + height, left + width)).toBeLessThanOrEqual(side);
  }
  const areas = boxes.map(({ height, width }) => (height * width) / side ** 2);
  expect(Math.max(...areas)).toBeLessThanOrEqual(0.4);
  // Drawn anew on every try, and large boxes fit seldom: with one area a box the mean would be 0.2.
  expect(areas.reduce((sum, area) => sum + area, 0) / areas.length).toBeLessThan(0.17);
});

it('fills the box with noise of 0 to 254 a channel, ignores its labels, and touches nothing else', () => {
  const crop = new Uint8Array(side * side * 3).fill(255);
  const labels = new Uint8Array(side * side).fill(3);
  const box = { top: 5, left: 10, height: 40, width: 30 };
  applyCutout(crop, labels, side, box, random('noise'));
  const seen = new Set<number>();
  for (let i = 0; i < side * side; i++) {
    const [x, y] = [i % side, Math.floor(i / side)];
    const inside = x >= 10 && x < 40 && y >= 5 && y < 45;
    expect(labels[i]).toBe(inside ? 255 : 3);
    for (const value of crop.subarray(3 * i, 3 * i + 3)) {
      if (inside) seen.add(value);
      else expect(value).toBe(255);
    }
  }
  expect([Math.min(...seen), Math.max(...seen), seen.size]).toEqual([0, 254, 255]);
  applyCutout(crop, labels, side, undefined, random('noise'));
  expect(labels.filter((label) => label === 255)).toHaveLength(40 * 30);
});

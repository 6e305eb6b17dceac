import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from '../../base/random.ts';
import type { LabelMap, Rgb } from '../types.ts';
import { applyGeometryImage, applyGeometryLabels, drawGeometry, paddingMask } from './geometry.ts';
import { resizeBilinear } from './resize.ts';
import { noise, randomLabels, side } from './testing.ts';

/** An image whose red is 1 + 2x and green 1 + 2y, and the label maps of x and y. */
function ramps(width: number, height: number): { image: Rgb; columns: LabelMap; rows: LabelMap } {
  const data = new Uint8Array(width * height * 3);
  const columns = new Uint8Array(width * height);
  const rows = new Uint8Array(width * height);
  for (let i = 0; i < width * height; i++) {
    columns[i] = i % width;
    rows[i] = Math.floor(i / width);
    data.set([1 + 2 * columns[i]!, 1 + 2 * rows[i]!, 255], 3 * i);
  }
  return { image: { width, height, data }, columns: { width, height, data: columns }, rows: { width, height, data: rows } };
}

describe('geometry', () => {
  it('moves image, labels and padding together, to the pixel, for images of every size', () => {
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 60 }), fc.nat(), (width, height, cropSize, seed) => {
        const parameters = drawGeometry(random(seed), width, height, cropSize);
        const { image, columns, rows } = ramps(width, height);
        const crop = applyGeometryImage(image, parameters);
        const x = applyGeometryLabels(columns, parameters, 255);
        const y = applyGeometryLabels(rows, parameters, 254);
        const mask = paddingMask(parameters);
        expect(crop.data.length).toBe(cropSize * cropSize * 3);
        // The triangle filter's centre of mass lies within a pixel of the nearest one; at the border it is cut on one side.
        const reach = [width / parameters.scaled.width, height / parameters.scaled.height].map((scale) => 2 * Math.max(scale, 1) + 1);
        for (let i = 0; i < cropSize * cropSize; i++) {
          const [red, green, blue] = crop.data.subarray(3 * i, 3 * i + 3);
          const padding = mask.data[i] === 255;
          if (padding) expect([red, green, blue, x.data[i], y.data[i]]).toEqual([0, 0, 0, 255, 254]);
          else {
            expect([mask.data[i], blue]).toEqual([0, 255]);
            expect(Math.abs(red! - 1 - 2 * x.data[i]!)).toBeLessThanOrEqual(reach[0]!);
            expect(Math.abs(green! - 1 - 2 * y.data[i]!)).toBeLessThanOrEqual(reach[1]!);
          }
        }
        const kept = Math.min(cropSize, parameters.scaled.width) * Math.min(cropSize, parameters.scaled.height);
        expect(mask.data.filter((value) => value === 0).length).toBe(kept);
      }),
      { numRuns: 150 },
    );
  });

  it('is scale, then pad, then crop, then flip', () => {
    const image = noise(20, 12);
    const parameters = { scaled: { width: 30, height: 18 }, cropSize: 24, left: 5, top: 0, flip: true };
    const scaled = resizeBilinear(image, parameters.scaled);
    const expected = new Uint8Array(24 * 24 * 3);
    for (let y = 0; y < 18; y++)
      for (let x = 0; x < 24; x++) {
        const i = (y * 30 + 5 + x) * 3;
        expected.set(scaled.data.subarray(i, i + 3), (y * 24 + 23 - x) * 3);
      }
    expect([...applyGeometryImage(image, parameters).data]).toEqual([...expected]);
  });

  it('puts the padding right and below, and left of a flipped crop', () => {
    const labels = { width: 2, height: 1, data: Uint8Array.of(7, 8) };
    const parameters = { scaled: { width: 2, height: 1 }, cropSize: 3, left: 0, top: 0 };
    expect([...applyGeometryLabels(labels, { ...parameters, flip: false }, 255).data]).toEqual([7, 8, 255, 255, 255, 255, 255, 255, 255]);
    expect([...applyGeometryLabels(labels, { ...parameters, flip: true }, 254).data]).toEqual([254, 8, 7, 254, 254, 254, 254, 254, 254]);
    expect([...paddingMask({ ...parameters, flip: true }).data]).toEqual([255, 0, 0, 255, 255, 255, 255, 255, 255]);
  });

  it('invents no label and reads its inputs only; memory given is overwritten whole', () => {
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 40 }), fc.nat(), (width, height, cropSize, seed) => {
        const parameters = drawGeometry(random(seed), width, height, cropSize);
        const image = noise(width, height, seed);
        const labels = randomLabels(width, height, seed);
        const before = [[...image.data], [...labels.data]];
        const result = applyGeometryLabels(labels, parameters, 255);
        const allowed = new Set([...labels.data, 255]);
        expect([...result.data].every((label) => allowed.has(label))).toBe(true);
        const dirty = () => new Uint8Array(cropSize * cropSize).fill(99);
        expect(applyGeometryLabels(labels, parameters, 255, dirty())).toEqual(result);
        expect(paddingMask(parameters, dirty())).toEqual(paddingMask(parameters));
        expect(applyGeometryImage(image, parameters, new Uint8Array(cropSize * cropSize * 3).fill(99))).toEqual(
          applyGeometryImage(image, parameters),
        );
        expect([[...image.data], [...labels.data]]).toEqual(before);
      }),
      { numRuns: 100 },
    );
  });

  it('draws the long side uniformly in [0.5, 2] x its base, flips half, and crops everywhere', () => {
    const sides: number[] = [];
    const corners = new Set<number>();
    let flips = 0;
    const n = 6000;
    for (let i = 0; i < n; i++) {
      const { scaled, left, top, flip } = drawGeometry(random('draw', i), 100, 60, 90);
      sides.push(scaled.width);
      expect(scaled.height).toBe(Math.floor((60 * scaled.width) / 100 + 0.5));
      expect(left).toBeLessThanOrEqual(Math.max(0, scaled.width - 90));
      expect(top).toBeLessThanOrEqual(Math.max(0, scaled.height - 90));
      if (scaled.width === 92) corners.add(left);
      if (flip) flips++;
    }
    expect([Math.min(...sides), Math.max(...sides)]).toEqual([50, 200]);
    expect(Math.abs(sides.reduce((a, b) => a + b) / n - 125)).toBeLessThan(2);
    expect(Math.abs(flips / n - 0.5)).toBeLessThan(0.025);
    expect([...corners].sort()).toEqual([0, 1, 2]);
  });

  it('scales from another base where one is given (ST++)', () => {
    const sides = Array.from({ length: 3000 }, (_, i) => drawGeometry(random('base', i), 30, 60, 10, 20).scaled);
    expect(Math.min(...sides.map(({ height }) => height))).toBe(10);
    expect(Math.max(...sides.map(({ height }) => height))).toBe(40);
    expect(sides.every(({ width, height }) => width === Math.floor(height / 2 + 0.5))).toBe(true);
  });

  it('is a function of the stream alone', () => {
    expect(drawGeometry(random(5), 50, 40, 30)).toEqual(drawGeometry(random(5), 50, 40, 30));
  });
});

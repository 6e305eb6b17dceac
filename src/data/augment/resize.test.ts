import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sizeForLongSide, toLongSide } from './long-side.ts';
import { resizeBilinear, resizeNearest } from './resize.ts';
import { cut, noise, randomLabels, side } from './testing.ts';

const gray = (...values: number[]) => Uint8Array.from(values.flatMap((value) => [value, value, value]));

describe('resizeBilinear', () => {
  it('averages when it shrinks and interpolates when it grows (values of Pillow)', () => {
    const row = { width: 4, height: 1, data: gray(0, 100, 200, 60) };
    expect([...resizeBilinear(row, { width: 2, height: 1 }).data]).toEqual([...gray(71, 126)]);
    expect([...resizeBilinear(row, { width: 8, height: 1 }).data]).toEqual([...gray(0, 25, 75, 125, 175, 165, 95, 60)]);
    const column = { width: 1, height: 4, data: row.data };
    expect([...resizeBilinear(column, { width: 1, height: 2 }).data]).toEqual([...gray(71, 126)]);
  });

  it('leaves an image of the same size as it is, in new memory', () => {
    const image = noise(17, 9);
    const result = resizeBilinear(image, { width: 17, height: 9 });
    expect(result).toEqual(image);
    expect(result.data).not.toBe(image.data);
  });

  it('keeps a constant image constant at every scale, very high ones too', () => {
    for (const [width, height] of [
      [40, 30],
      [1, 250],
      [3, 7],
    ] as const)
      for (const size of [
        { width: 5, height: 5 },
        { width: 63, height: 90 },
        { width: 1, height: 1 },
      ]) {
        const data = new Uint8Array(width * height * 3).fill(201);
        expect(new Set(resizeBilinear({ width, height, data }, size).data)).toEqual(new Set([201]));
      }
  });

  it('computes a region of the result as a crop of the whole, and never writes to the image', () => {
    fc.assert(
      fc.property(side, side, side, side, fc.nat(), fc.nat(), fc.nat(), fc.nat(), (width, height, outWidth, outHeight, a, b, c, d) => {
        const image = noise(width, height);
        const labels = randomLabels(width, height);
        const kept = [...image.data];
        const size = { width: outWidth, height: outHeight };
        const [left, top] = [a % outWidth, b % outHeight];
        const region = { left, top, width: 1 + (c % (outWidth - left)), height: 1 + (d % (outHeight - top)) };
        const whole = resizeBilinear(image, size);
        expect([...resizeBilinear(image, size, region).data]).toEqual(cut(whole.data, outWidth, 3, left, top, region.width, region.height));
        const wholeLabels = resizeNearest(labels, size);
        expect([...resizeNearest(labels, size, region).data]).toEqual(
          cut(wholeLabels.data, outWidth, 1, left, top, region.width, region.height),
        );
        expect([...image.data]).toEqual(kept);
      }),
      { numRuns: 300 },
    );
  });
});

describe('resizeNearest', () => {
  it('takes the pixel under the centre, and at a border where the running sum of the scale falls', () => {
    const row = { width: 6, height: 1, data: Uint8Array.of(0, 1, 2, 3, 4, 5) };
    expect([...resizeNearest(row, { width: 3, height: 1 }).data]).toEqual([1, 3, 5]);
    expect([...resizeNearest(row, { width: 12, height: 1 }).data]).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    // 2 -> 7: 2/7 summed up to the middle pixel stays just below 1, whereas 3.5 x (2/7) is 1.
    const two = { width: 2, height: 1, data: Uint8Array.of(0, 1) };
    expect([...resizeNearest(two, { width: 7, height: 1 }).data]).toEqual([0, 0, 0, 0, 1, 1, 1]);
  });
});

describe('sizeForLongSide', () => {
  it('makes the long side exact and rounds the short side half up, to one pixel at least', () => {
    expect(sizeForLongSide(500, 375, 513)).toEqual({ width: 513, height: 385 });
    expect(sizeForLongSide(375, 500, 250)).toEqual({ width: 188, height: 250 });
    expect(sizeForLongSide(4, 2, 5)).toEqual({ width: 5, height: 3 });
    expect(sizeForLongSide(300, 1, 150)).toEqual({ width: 150, height: 1 });
    expect(sizeForLongSide(1, 1, 0)).toEqual({ width: 1, height: 1 });
    expect(sizeForLongSide(30, 30, 20)).toEqual({ width: 20, height: 20 });
  });

  it('is what toLongSide makes', () => {
    const image = noise(30, 20);
    expect(toLongSide(image, 30)).toBe(image);
    expect(toLongSide(image, 15)).toEqual(resizeBilinear(image, { width: 15, height: 10 }));
  });
});

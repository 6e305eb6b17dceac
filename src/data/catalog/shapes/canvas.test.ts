import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Canvas, hex, NO_LABEL } from './canvas.ts';

const white = (_x: number, _y: number, out: Float64Array): void => void out.fill(1);
const total = (canvas: Canvas): number => canvas.colour.reduce((sum, value) => sum + value, 0) / 3;

describe('canvas', () => {
  it('covers each pixel by its part of the area, exactly for upright edges', () => {
    const canvas = new Canvas(4, 3);
    canvas.paint([0.25, 1, 2.5, 1, 2.5, 2, 0.25, 2], 7, white);
    expect([...canvas.colour.filter((_, i) => i % 3 === 0)]).toEqual([0, 0, 0, 0, 0.75, 1, 0.5, 0, 0, 0, 0, 0]);
    expect([...canvas.labels]).toEqual([0, 0, 0, 0, 7, 7, 7, 0, 0, 0, 0, 0]);
  });

  it('labels a pixel only from half covered on, and keeps labels where told', () => {
    const canvas = new Canvas(2, 1);
    canvas.paint([0, 0, 0.49, 0, 0.49, 1, 0, 1], 5, white);
    canvas.paint([1, 0, 2, 0, 2, 1, 1, 1], NO_LABEL, white);
    expect([...canvas.labels]).toEqual([0, 0]);
    expect(canvas.colour[3]).toBe(1);
  });

  it('paints as much as the area of any triangle, cut at the border', () => {
    const coordinate = fc.double({ min: 1, max: 29, noNaN: true });
    fc.assert(
      fc.property(fc.tuple(coordinate, coordinate, coordinate, coordinate, coordinate, coordinate), (ring) => {
        const [ax, ay, bx, by, cx, cy] = ring;
        const area = Math.abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2;
        const canvas = new Canvas(30, 30);
        canvas.paint(ring, 1, white);
        expect(Math.abs(total(canvas) - area)).toBeLessThan(0.02 * area + 4);
      }),
      { numRuns: 60, seed: 5 },
    );
    const cut = new Canvas(10, 10);
    cut.paint([-50, -50, 60, -50, 60, 60, -50, 60], 1, white);
    expect(total(cut)).toBe(100);
  });

  it('darkens only where a shadow may fall', () => {
    const canvas = new Canvas(2, 1);
    canvas.paint([0, 0, 2, 0, 2, 1, 0, 1], 1, white);
    canvas.paint([1, 0, 2, 0, 2, 1, 1, 1], 2, white);
    canvas.darken([0, 0, 2, 0, 2, 1, 0, 1], [0.5, 0.25, 1], (label) => label === 1);
    expect([...canvas.colour]).toEqual([0.5, 0.25, 1, 1, 1, 1]);
  });

  it('says which label lies at a point, and none outside', () => {
    const canvas = new Canvas(2, 2);
    canvas.labels[3] = 9;
    expect([canvas.labelAt(1.9, 1.1), canvas.labelAt(2, 1), canvas.labelAt(-0.1, 0)]).toEqual([9, NO_LABEL, NO_LABEL]);
  });

  it('reads sRGB colours into linear light', () => {
    expect(hex(0xffffff)).toEqual([1, 1, 1]);
    expect(hex(0x808080)[0]).toBeCloseTo(0.2158605, 6);
    expect(hex(0x0a0000)[0]).toBeCloseTo(10 / 255 / 12.92, 12);
  });
});

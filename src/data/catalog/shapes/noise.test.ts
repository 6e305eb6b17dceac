import { describe, expect, it } from 'vitest';
import { random } from '../../../base/random.ts';
import { Noise } from './noise.ts';

describe('noise', () => {
  const noise = new Noise(random(1, 'noise'));
  const grid = (f: (x: number, y: number) => number): number[] =>
    Array.from({ length: 4000 }, (_, i) => f((i % 80) * 0.37 - 9, Math.floor(i / 80) * 0.41 - 7));

  it('stays in -1..1, spreads around 0, and repeats after 128 units', () => {
    const values = grid((x, y) => noise.at(x, y));
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(1);
    const mean = values.reduce((a, b) => a + b) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.1);
    expect(Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)).toBeGreaterThan(0.3);
    expect(noise.at(3.25, -4.5)).toBeCloseTo(noise.at(131.25, 123.5), 6);
  });

  it('is continuous: a thousandth of a unit changes it by less than a hundredth', () => {
    for (const step of grid((x, y) => Math.abs(noise.at(x + 0.001, y) - noise.at(x, y)))) expect(step).toBeLessThan(0.01);
  });

  it('fades octaves that are finer than a pixel, and is flat where all are', () => {
    const spread = (pixel: number): number => Math.max(...grid((x, y) => Math.abs(noise.octaves(x, y, 3, pixel))));
    expect(spread(0)).toBeGreaterThan(spread(0.35));
    expect(spread(0.35)).toBeGreaterThan(spread(0.7));
    expect(spread(0.81)).toBe(0);
  });
});

import { expect, it } from 'vitest';
import { mean, sampleDeviation } from './statistics.ts';

it('mean and deviation of a sample are those of textbooks', () => {
  expect(mean([2, 4, 4, 4, 5, 5, 7, 9])).toBe(5);
  expect(sampleDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(Math.sqrt(32 / 7), 12);
  expect(sampleDeviation([1e9 + 1, 1e9 + 2, 1e9 + 3])).toBe(1);
  expect(sampleDeviation([6, 6])).toBe(0);
});

it('of one number there is no deviation, of none no mean', () => {
  expect([mean([3]), sampleDeviation([3]), sampleDeviation([])]).toEqual([3, undefined, undefined]);
  expect(mean([])).toBe(Number.NaN);
});

/** Golden files: read from the folder in DSSN_GOLDEN, else from test/golden. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { typedArrayOf } from '../../src/formats/named-array.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import type { Tensor } from '../../src/torch/index.ts';

export const goldenFolder = process.env.DSSN_GOLDEN ?? join(fileURLToPath(import.meta.url), '..', '..', 'golden');

export function goldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(join(goldenFolder, name), 'utf8')) as T;
}

/** The prefix of every recipe name of this set. */
export const prefix = goldenJson<{ prefix: string }>('seed.json').prefix;

export function goldenTensors(name: string): Map<string, { shape: readonly number[]; values: Float64Array }> {
  const file = readSafetensors(join(goldenFolder, name));
  return new Map(
    [...file.tensors].map(([key, array]) => [
      key,
      { shape: array.shape, values: Float64Array.from(typedArrayOf(array) as Float64Array, Number) },
    ]),
  );
}

/** Tolerance of golden numbers: |a - b| <= max(absolute, relative * |b|), value by value. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** Golden numbers are float64: two versions of PyTorch differ by up to 3e-11 on them (SPEC section 10). */
export const exact: Tolerance = { relative: 1e-9, absolute: 1e-12 };

/** Fails with the worst place when any value is out of tolerance, or when the counts differ. */
export function expectClose(
  actual: ArrayLike<number | bigint>,
  expected: ArrayLike<number>,
  what: string,
  tolerance: Tolerance = exact,
): void {
  expect(actual.length, `${what}: number of values`).toBe(expected.length);
  let worst = -1;
  let excess = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(Number(actual[i]) - expected[i]!);
    const allowed = Math.max(tolerance.absolute, tolerance.relative * Math.abs(expected[i]!));
    // NaN compares false: written so that it counts as wrong
    if (!(difference / allowed <= Math.max(1, excess))) {
      excess = difference / allowed;
      worst = i;
      if (Number.isNaN(excess)) break;
    }
  }
  expect(
    worst,
    worst < 0 ? what : `${what}[${worst}]: ${actual[worst]} instead of ${expected[worst]} (${excess.toPrecision(3)} times the tolerance)`,
  ).toBe(-1);
}

export function expectTensorClose(
  actual: Tensor,
  expected: { shape: readonly number[]; values: Float64Array },
  what: string,
  tolerance: Tolerance = exact,
): void {
  expect(actual.shape, what).toEqual([...expected.shape]);
  expectClose(actual.toTyped() as Float64Array, expected.values, what, tolerance);
}

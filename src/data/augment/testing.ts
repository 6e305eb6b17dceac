/** Images for the tests of this folder. */
import fc from 'fast-check';
import { random } from '../../base/random.ts';
import type { LabelMap, Rgb } from '../types.ts';

/** An image of random colours. */
export function noise(width: number, height: number, seed = 0): Rgb {
  const draw = random(seed, width, height, 'noise');
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => draw.integer(0, 255)) };
}

/** Labels 0..20 at random. */
export function randomLabels(width: number, height: number, seed = 0): LabelMap {
  const draw = random(seed, width, height, 'labels');
  return { width, height, data: Uint8Array.from({ length: width * height }, () => draw.integer(0, 20)) };
}

/** Sides that tests of sizes need: one pixel, a few, and more than a crop. */
export const side = fc.oneof(fc.constantFrom(1, 2, 3), fc.integer({ min: 1, max: 90 }));

/** The rows and columns of a region, cut out of interleaved pixels. */
export function cut(data: Uint8Array, width: number, channels: number, left: number, top: number, columns: number, rows: number): number[] {
  const pixels: number[] = [];
  for (let y = top; y < top + rows; y++)
    pixels.push(...data.subarray((y * width + left) * channels, (y * width + left + columns) * channels));
  return pixels;
}

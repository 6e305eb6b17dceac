/**
 * Pillow's Image.blend, on which its enhancements rest: first + factor (second - first) in single precision, cut to 0..255,
 * fraction dropped. A factor of 1 gives the second image, 0 the first; beyond 1 it overshoots.
 */
import { Scratch } from './scratch.ts';

/** One blended value. `factor` must already be rounded to single precision. */
function blend(first: number, second: number, factor: number): number {
  const value = Math.fround(first + Math.fround(factor * (second - first)));
  return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
}

/** The table of blending one constant with every value: 256 entries. */
export function blendConstant(first: number, factor: number): Uint8Array {
  const single = Math.fround(factor);
  return Uint8Array.from({ length: 256 }, (_, second) => blend(first, second, single));
}

const blended = new Scratch();

/** The table of blending any two values, at 256 first + second; valid until the next call. */
export function blendTable(factor: number): Uint8Array {
  const table = blended.take(65536);
  const scaled = new Float32Array(511);
  for (let i = 0; i < 511; i++) scaled[i] = Math.fround(factor) * (i - 255);
  for (let first = 0, i = 0; first < 256; first++) {
    for (let second = 255 - first; second < 511 - first; second++, i++) {
      const value = Math.fround(first + scaled[second]!);
      table[i] = value <= 0 ? 0 : value >= 255 ? 255 : value;
    }
  }
  return table;
}

/**
 * Gaussian blur with Pillow's pixels: three box blurs along rows, then three along columns, each in 24-bit fixed point and
 * rounded to 8 bits. A box of radius r (not whole) takes 2 floor(r) + 1 pixels at full weight and the next one on either
 * side in part; beyond the border the outermost pixel goes on. Radius from sigma by Gwosdek, Grewenig, Bruhn and Weickert,
 * "Theoretical foundations of Gaussian convolution by extended box filtering" (2011), equations 7, 11 and 14.
 */
import type { Random } from '../../base/random.ts';
import type { Rgb } from '../types.ts';
import { applyAlone, type Canvas } from './canvas.ts';
import { Scratch } from './scratch.ts';

export interface Blur {
  /** Standard deviation in pixels. */
  readonly sigma: number;
}

/** Range of sigma, in the published augmentation and in the eleven operations alike (SPEC section 3). */
const SMALLEST_SIGMA = 0.1;
const LARGEST_SIGMA = 2;
const PASSES = 3;
const ONE = 1 << 24;
const HALF = 1 << 23;

export const drawBlur = (random: Random): Blur => ({ sigma: random.uniform(SMALLEST_SIGMA, LARGEST_SIGMA) });

interface BoxFilter {
  /** Pixels on either side at full weight. */
  readonly radius: number;
  /** Weights in 1/2^24: of the pixels within the radius, and of the next one on either side. */
  readonly near: number;
  readonly far: number;
}

/** Every step is rounded to single precision, as in Pillow. */
function boxFilter(sigma: number): BoxFilter {
  const { fround } = Math;
  const single = fround(sigma);
  const variance = fround(fround(single * single) / PASSES);
  const length = fround(Math.sqrt(12 * variance + 1));
  const whole = Math.floor((length - 1) / 2);
  const above = (whole + 1) * (whole + 1);
  const excess = fround((2 * whole + 1) * fround(whole * (whole + 1) - fround(3 * variance)));
  const part = fround(excess / fround(6 * fround(variance - above)));
  const size = fround(whole + part);
  const radius = Math.trunc(size);
  const near = Math.trunc(fround(ONE / fround(fround(size * 2) + 1)));
  return { radius, near, far: Math.trunc((ONE - (radius * 2 + 1) * near) / 2) };
}

export function paintBlur(canvas: Canvas, { sigma }: Blur): void {
  const filter = boxFilter(sigma);
  canvas.runOnPixels((pixels, out, width, height) => {
    const rowBytes = width * 3;
    const rows = blurredRows.take(pixels.length);
    for (let start = 0; start < height * rowBytes; start += rowBytes) blurLines(pixels, rows, start, 3, width, 3, filter);
    blurLines(rows, out, 0, rowBytes, height, rowBytes, filter);
  });
}

const blurredRows = new Scratch();
const copied = new Scratch();
const passed = new Scratch();
/** Values of a line that are blurred before the next line's turn: few enough for their cache lines to serve the next one too. */
const TILE = 128;
/** Shorter lines are blurred pass by pass. */
const SHORTEST_SWEEP = 24;

/**
 * Three box blurs of `lines` lines that begin one byte after the other at `start`: the three channels of a row, or all
 * columns. A line has `length` values, `stride` bytes apart. All three blurs run along a line in one sweep, each value of a
 * pass made as soon as the next pass needs it, without memory in between; short lines and wide boxes go pass by pass.
 */
function blurLines(
  source: Uint8Array,
  out: Uint8Array,
  start: number,
  lines: number,
  length: number,
  stride: number,
  filter: BoxFilter,
): void {
  if (filter.radius > 1 || length < SHORTEST_SWEEP) {
    for (let line = start; line < start + lines; line++) blurPasses(source, line, out, length, stride, filter);
    return;
  }
  const sweep = filter.radius === 0 ? sweep3 : sweep5;
  const tiles = Math.ceil(length / TILE);
  for (let tile = 0; tile < tiles; tile++) {
    const from = Math.floor((length * tile) / tiles);
    const to = Math.floor((length * (tile + 1)) / tiles);
    for (let line = start; line < start + lines; line++) sweep(source, line, out, from, to, length, stride, filter);
  }
}

/** A box of three values: the middle one at full weight. */
function box3(a: number, b: number, c: number, near: number, far: number): number {
  return (Math.imul(b, near) + Math.imul(a + c, far) + HALF) >>> 24;
}

/** A box of five values: the middle three at full weight. */
function box5(a: number, b: number, c: number, d: number, e: number, near: number, far: number): number {
  return (Math.imul(b + c + d, near) + Math.imul(a + e, far) + HALF) >>> 24;
}

/**
 * Values `from` to `to - 1` of a line after three boxes of 3: value j of the line (v) gives value j - 1 of the first pass
 * (a), j - 2 of the second (b) and j - 3 of the last. Within the line the sweep begins early and writes when a and b are
 * right; at its ends every pass goes on with its own outermost value.
 */
function sweep3(
  source: Uint8Array,
  start: number,
  out: Uint8Array,
  from: number,
  to: number,
  length: number,
  stride: number,
  { near, far }: BoxFilter,
): void {
  const delay = 3 * stride;
  const settled = start + from * stride + delay;
  let i = settled - 2 * delay;
  let [v0, v1, a0, a1, b0, b1] = [0, 0, 0, 0, 0, 0];
  if (from === 0) {
    const first = source[start]!;
    v0 = source[start + stride]!;
    v1 = source[start + 2 * stride]!;
    a0 = box3(first, first, v0, near, far);
    a1 = box3(first, v0, v1, near, far);
    b0 = box3(a0, a0, a1, near, far);
    b1 = b0;
    i = settled;
  }
  for (const end = start + Math.min(to + 3, length) * stride; i < end; i += stride) {
    const v2 = source[i]!;
    const a2 = box3(v0, v1, v2, near, far);
    const b2 = box3(a0, a1, a2, near, far);
    if (i >= settled) out[i - delay] = box3(b0, b1, b2, near, far);
    v0 = v1;
    v1 = v2;
    a0 = a1;
    a1 = a2;
    b0 = b1;
    b1 = b2;
  }
  if (to < length) return;
  const a2 = box3(v0, v1, v1, near, far);
  const b2 = box3(a0, a1, a2, near, far);
  const b3 = box3(a1, a2, a2, near, far);
  out[i - delay] = box3(b0, b1, b2, near, far);
  out[i - 2 * stride] = box3(b1, b2, b3, near, far);
  out[i - stride] = box3(b2, b3, b3, near, far);
}

/** As `sweep3`, with three boxes of 5: value j of the line gives value j - 2 of the first pass, j - 4, j - 6 of the last. */
function sweep5(
  source: Uint8Array,
  start: number,
  out: Uint8Array,
  from: number,
  to: number,
  length: number,
  stride: number,
  { near, far }: BoxFilter,
): void {
  const delay = 6 * stride;
  const settled = start + from * stride + delay;
  let i = settled - 2 * delay;
  let [v0, v1, v2, v3, a0, a1, a2, a3, b0, b1, b2, b3] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  if (from === 0) {
    const first = source[start]!;
    const second = source[start + stride]!;
    v0 = source[start + 2 * stride]!;
    v1 = source[start + 3 * stride]!;
    v2 = source[start + 4 * stride]!;
    v3 = source[start + 5 * stride]!;
    a0 = box5(first, first, first, second, v0, near, far);
    a1 = box5(first, first, second, v0, v1, near, far);
    a2 = box5(first, second, v0, v1, v2, near, far);
    a3 = box5(second, v0, v1, v2, v3, near, far);
    b0 = box5(a0, a0, a0, a1, a2, near, far);
    b1 = b0;
    b2 = b0;
    b3 = box5(a0, a0, a1, a2, a3, near, far);
    i = settled;
  }
  for (const end = start + Math.min(to + 6, length) * stride; i < end; i += stride) {
    const v4 = source[i]!;
    const a4 = box5(v0, v1, v2, v3, v4, near, far);
    const b4 = box5(a0, a1, a2, a3, a4, near, far);
    if (i >= settled) out[i - delay] = box5(b0, b1, b2, b3, b4, near, far);
    v0 = v1;
    v1 = v2;
    v2 = v3;
    v3 = v4;
    a0 = a1;
    a1 = a2;
    a2 = a3;
    a3 = a4;
    b0 = b1;
    b1 = b2;
    b2 = b3;
    b3 = b4;
  }
  if (to < length) return;
  const a4 = box5(v0, v1, v2, v3, v3, near, far);
  const a5 = box5(v1, v2, v3, v3, v3, near, far);
  const b4 = box5(a0, a1, a2, a3, a4, near, far);
  const b5 = box5(a1, a2, a3, a4, a5, near, far);
  const b6 = box5(a2, a3, a4, a5, a5, near, far);
  const b7 = box5(a3, a4, a5, a5, a5, near, far);
  out[i - delay] = box5(b0, b1, b2, b3, b4, near, far);
  out[i - 5 * stride] = box5(b1, b2, b3, b4, b5, near, far);
  out[i - 4 * stride] = box5(b2, b3, b4, b5, b6, near, far);
  out[i - 3 * stride] = box5(b3, b4, b5, b6, b7, near, far);
  out[i - 2 * stride] = box5(b4, b5, b6, b7, b7, near, far);
  out[i - stride] = box5(b5, b6, b7, b7, b7, near, far);
}

/** Three box blurs of one line of any length by boxes of any size, pass by pass in a copy. */
function blurPasses(source: Uint8Array, start: number, out: Uint8Array, length: number, stride: number, filter: BoxFilter): void {
  const margin = filter.radius + 1;
  const line = copied.take(length + 2 * margin);
  const other = passed.take(length + 2 * margin);
  for (let i = margin, s = start; i < margin + length; i++, s += stride) line[i] = source[s]!;
  boxPass(line, other, length, filter);
  boxPass(other, line, length, filter);
  boxPass(line, other, length, filter);
  for (let i = margin, o = start; i < margin + length; i++, o += stride) out[o] = other[i]!;
}

/** One box blur of a copied line by a running sum; fills the line's margins with its outermost values. */
function boxPass(line: Uint8Array, out: Uint8Array, length: number, { radius, near, far }: BoxFilter): void {
  const margin = radius + 1;
  const end = margin + length;
  for (let i = 0; i < margin; i++) {
    line[i] = line[margin]!;
    line[end + i] = line[end - 1]!;
  }
  let sum = 0;
  for (let i = 0; i < 2 * radius + 1; i++) sum += line[i]!;
  for (let i = margin; i < end; i++) {
    const before = line[i - margin]!;
    sum += line[i + radius]! - before;
    out[i] = (Math.imul(sum, near) + Math.imul(before + line[i + margin]!, far) + HALF) >>> 24;
  }
}

export const applyBlur = (image: Rgb, parameters: Blur): Rgb => applyAlone(image, (canvas) => paintBlur(canvas, parameters));

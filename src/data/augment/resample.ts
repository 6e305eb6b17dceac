/**
 * Bilinear resampling with Pillow's pixels: a triangle filter that widens when the image shrinks (antialiasing), applied
 * first along rows, then along columns, in fixed-point numbers of 22 bits, with 8-bit pixels in between.
 *
 * Output pixel i looks at centre c = (i + 1/2) s of the input, s = input size / output size; with f = max(s, 1), input
 * pixel j weighs max(0, 1 - |j + 1/2 - c| / f), normalised to a sum of 1, for j in [trunc(c - f + 1/2), trunc(c + f + 1/2)).
 */
import { Scratch } from './scratch.ts';

/** Bits after the point: 32 less 8 for the pixel and 2 for filters that overshoot, as in Pillow. */
const PRECISION_BITS = 32 - 8 - 2;
const HALF = 1 << (PRECISION_BITS - 1);
/** Taps are summed four at a time where there are more than three. */
const BLOCK = 4;

/** Which input pixels make each of `length` output pixels. */
export interface Taps {
  /** Taps per output pixel: 1, 2 or 3, else a multiple of 4. */
  readonly count: number;
  /** First input pixel of each output pixel. */
  readonly starts: Int32Array;
  /** `count` fixed-point weights for each output pixel, with zeros where it needs fewer. */
  readonly weights: Int32Array;
}

/**
 * The taps of output pixels `first` to `first + length - 1` when `inputSize` pixels become `outputSize`.
 * With `reversed` they come last first. A window may reach beyond the input only where `inputSize < count`.
 */
export function bilinearTaps(inputSize: number, outputSize: number, first: number, length: number, reversed = false): Taps {
  const scale = inputSize / outputSize;
  const support = Math.max(scale, 1);
  const inverse = 1 / support;
  const widest = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(length);
  const fixed = new Int32Array(length * widest);
  const weights = new Float64Array(widest);
  let most = 1;
  for (let i = 0; i < length; i++) {
    const position = reversed ? length - 1 - i : i;
    const centre = (first + i + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5));
    const size = Math.min(inputSize, Math.trunc(centre + support + 0.5)) - from;
    let sum = 0;
    for (let t = 0; t < size; t++) {
      const weight = Math.max(0, 1 - Math.abs((t + from - centre + 0.5) * inverse));
      weights[t] = weight;
      sum += weight;
    }
    let skipped = 0;
    let last = 0;
    for (let t = 0; t < size; t++) {
      const weight = Math.trunc(0.5 + (weights[t]! / sum) * (1 << PRECISION_BITS));
      if (weight === 0 && last === 0) skipped++;
      else fixed[position * widest + t - skipped] = weight;
      if (weight !== 0) last = t + 1;
    }
    starts[position] = from + skipped;
    most = Math.max(most, last - skipped);
  }
  return padTaps(inputSize, starts, fixed, widest, most);
}

/** Gives every output pixel as many taps, by zero weights on the right, or on the left where the input ends. */
function padTaps(inputSize: number, starts: Int32Array, fixed: Int32Array, widest: number, most: number): Taps {
  const count = most < BLOCK ? most : Math.ceil(most / BLOCK) * BLOCK;
  const weights = new Int32Array(starts.length * count);
  for (let i = 0; i < starts.length; i++) {
    const shift = Math.min(starts[i]!, Math.max(0, starts[i]! + count - inputSize));
    starts[i]! -= shift;
    for (let t = 0; t < most; t++) {
      const weight = fixed[i * widest + t]!;
      if (weight !== 0) weights[i * count + t + shift] = weight;
    }
  }
  return { count, starts, weights };
}

/** Where the pixels of a resampled region go. */
export interface Target {
  readonly data: Uint8Array;
  /** Byte of the region's first pixel, and bytes from one row to the next. */
  readonly offset: number;
  readonly stride: number;
}

const rowsBetween = new Scratch();

/** Resamples an RGB image of `width` pixels a row: columns by `horizontal`, rows by `vertical`, both passes in 8 bits. */
export function resampleRgb(source: Uint8Array, width: number, horizontal: Taps, vertical: Taps, target: Target): void {
  const rows = vertical.starts.length;
  let firstRow = vertical.starts[0]!;
  let lastRow = 0;
  for (let y = 0; y < rows; y++) {
    firstRow = Math.min(firstRow, vertical.starts[y]!);
    lastRow = Math.max(lastRow, vertical.starts[y]! + vertical.count);
  }
  const inputRows = Math.min(lastRow, source.length / (width * 3)) - firstRow;
  const rowBytes = horizontal.starts.length * 3;
  const between = rowsBetween.take((lastRow - firstRow) * rowBytes);
  let input = source;
  if (width < horizontal.count) {
    input = new Uint8Array(source.length + horizontal.count * 3);
    input.set(source);
  }
  const pass = [alongRows, alongRows1, alongRows2, alongRows3][horizontal.count] ?? alongRows;
  pass(input, width, firstRow, inputRows, horizontal, between);
  alongColumns(between, rowBytes, firstRow, vertical, target);
}

/** One tap of weight 1: the columns are copied. */
function alongRows1(source: Uint8Array, width: number, firstRow: number, rows: number, taps: Taps, out: Uint8Array): void {
  const columns = taps.starts.length;
  for (let y = 0, o = 0; y < rows; y++) {
    const row = (firstRow + y) * width;
    for (let x = 0; x < columns; x++, o += 3) {
      const i = (row + taps.starts[x]!) * 3;
      out[o] = source[i]!;
      out[o + 1] = source[i + 1]!;
      out[o + 2] = source[i + 2]!;
    }
  }
}

function alongRows2(source: Uint8Array, width: number, firstRow: number, rows: number, taps: Taps, out: Uint8Array): void {
  const { starts, weights } = taps;
  const columns = starts.length;
  for (let y = 0, o = 0; y < rows; y++) {
    const row = (firstRow + y) * width;
    for (let x = 0; x < columns; x++, o += 3) {
      const i = (row + starts[x]!) * 3;
      const a = weights[2 * x]!;
      const b = weights[2 * x + 1]!;
      out[o] = (Math.imul(source[i]!, a) + Math.imul(source[i + 3]!, b) + HALF) >> PRECISION_BITS;
      out[o + 1] = (Math.imul(source[i + 1]!, a) + Math.imul(source[i + 4]!, b) + HALF) >> PRECISION_BITS;
      out[o + 2] = (Math.imul(source[i + 2]!, a) + Math.imul(source[i + 5]!, b) + HALF) >> PRECISION_BITS;
    }
  }
}

function alongRows3(source: Uint8Array, width: number, firstRow: number, rows: number, taps: Taps, out: Uint8Array): void {
  const { starts, weights } = taps;
  const columns = starts.length;
  for (let y = 0, o = 0; y < rows; y++) {
    const row = (firstRow + y) * width;
    for (let x = 0; x < columns; x++, o += 3) {
      const i = (row + starts[x]!) * 3;
      const a = weights[3 * x]!;
      const b = weights[3 * x + 1]!;
      const c = weights[3 * x + 2]!;
      const red = Math.imul(source[i]!, a) + Math.imul(source[i + 3]!, b) + Math.imul(source[i + 6]!, c);
      const green = Math.imul(source[i + 1]!, a) + Math.imul(source[i + 4]!, b) + Math.imul(source[i + 7]!, c);
      const blue = Math.imul(source[i + 2]!, a) + Math.imul(source[i + 5]!, b) + Math.imul(source[i + 8]!, c);
      out[o] = (red + HALF) >> PRECISION_BITS;
      out[o + 1] = (green + HALF) >> PRECISION_BITS;
      out[o + 2] = (blue + HALF) >> PRECISION_BITS;
    }
  }
}

function alongRows(source: Uint8Array, width: number, firstRow: number, rows: number, taps: Taps, out: Uint8Array): void {
  const { starts, weights, count } = taps;
  const columns = starts.length;
  for (let y = 0, o = 0; y < rows; y++) {
    const row = (firstRow + y) * width;
    for (let x = 0; x < columns; x++, o += 3) {
      let i = (row + starts[x]!) * 3;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let k = x * count, end = k + count; k < end; k += BLOCK, i += 3 * BLOCK) {
        const a = weights[k]!;
        const b = weights[k + 1]!;
        const c = weights[k + 2]!;
        const d = weights[k + 3]!;
        red += Math.imul(source[i]!, a) + Math.imul(source[i + 3]!, b) + Math.imul(source[i + 6]!, c) + Math.imul(source[i + 9]!, d);
        green += Math.imul(source[i + 1]!, a) + Math.imul(source[i + 4]!, b) + Math.imul(source[i + 7]!, c) + Math.imul(source[i + 10]!, d);
        blue += Math.imul(source[i + 2]!, a) + Math.imul(source[i + 5]!, b) + Math.imul(source[i + 8]!, c) + Math.imul(source[i + 11]!, d);
      }
      out[o] = red >> PRECISION_BITS;
      out[o + 1] = green >> PRECISION_BITS;
      out[o + 2] = blue >> PRECISION_BITS;
    }
  }
}

let sums = new Int32Array(0);

function alongColumns(source: Uint8Array, rowBytes: number, firstRow: number, taps: Taps, target: Target): void {
  const { starts, weights, count } = taps;
  const sumRows = count === 2 ? sumRows2 : count === 3 ? sumRows3 : sumRows4;
  if (count > BLOCK && sums.length < rowBytes) sums = new Int32Array(rowBytes);
  for (let y = 0; y < starts.length; y++) {
    const i = (starts[y]! - firstRow) * rowBytes;
    const o = target.offset + y * target.stride;
    if (count === 1) for (let x = 0; x < rowBytes; x++) target.data[o + x] = source[i + x]!;
    else if (count <= BLOCK) sumRows(source, i, rowBytes, weights, y * count, target.data, o);
    else sumManyRows(source, i, rowBytes, weights, y * count, count, target.data, o);
  }
}

function sumRows2(source: Uint8Array, i: number, bytes: number, weights: Int32Array, k: number, out: Uint8Array, o: number): void {
  const a = weights[k]!;
  const b = weights[k + 1]!;
  for (let x = 0, j = i + bytes; x < bytes; x++)
    out[o + x] = (Math.imul(source[i + x]!, a) + Math.imul(source[j + x]!, b) + HALF) >> PRECISION_BITS;
}

function sumRows3(source: Uint8Array, i: number, bytes: number, weights: Int32Array, k: number, out: Uint8Array, o: number): void {
  const a = weights[k]!;
  const b = weights[k + 1]!;
  const c = weights[k + 2]!;
  const i2 = i + bytes;
  const i3 = i2 + bytes;
  for (let x = 0; x < bytes; x++)
    out[o + x] = (Math.imul(source[i + x]!, a) + Math.imul(source[i2 + x]!, b) + Math.imul(source[i3 + x]!, c) + HALF) >> PRECISION_BITS;
}

function sumRows4(source: Uint8Array, i: number, bytes: number, weights: Int32Array, k: number, out: Uint8Array, o: number): void {
  const a = weights[k]!;
  const b = weights[k + 1]!;
  const c = weights[k + 2]!;
  const d = weights[k + 3]!;
  const i2 = i + bytes;
  const i3 = i2 + bytes;
  const i4 = i3 + bytes;
  for (let x = 0; x < bytes; x++) {
    const upper = Math.imul(source[i + x]!, a) + Math.imul(source[i2 + x]!, b);
    const lower = Math.imul(source[i3 + x]!, c) + Math.imul(source[i4 + x]!, d);
    out[o + x] = (upper + lower + HALF) >> PRECISION_BITS;
  }
}

function sumManyRows(
  source: Uint8Array,
  first: number,
  bytes: number,
  weights: Int32Array,
  k: number,
  count: number,
  out: Uint8Array,
  o: number,
): void {
  sums.fill(HALF, 0, bytes);
  for (let t = 0, i = first; t < count; t++, i += bytes) {
    const weight = weights[k + t]!;
    if (weight !== 0) for (let x = 0; x < bytes; x++) sums[x]! += Math.imul(source[i + x]!, weight);
  }
  for (let x = 0; x < bytes; x++) out[o + x] = sums[x]! >> PRECISION_BITS;
}

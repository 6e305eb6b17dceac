/**
 * An image under a chain of operations. Operations that map each channel's value by a table (brightness, contrast,
 * autocontrast, equalize, posterize, solarize) are not carried out one by one: their tables are composed, which is exact
 * in 8 bits, and the next operation that needs pixels reads through the composed table. So a chain costs one pass for each
 * operation that mixes channels or neighbours, and one at its end.
 */
import type { Rgb } from '../types.ts';
import { Scratch } from './scratch.ts';

/** Pillow's luma in 16-bit fixed point: L = (19595 R + 38470 G + 7471 B + 0x8000) >> 16. */
const LUMA = [19595, 38470, 7471] as const;
const LUMA_HALF = 0x8000;

const IDENTITY = Uint8Array.from({ length: 768 }, (_, i) => i & 255);
const copied = new Scratch();

/** Reads pixels through `tables` (256 entries each for R, G, B) and writes new ones; `source` and `out` may be one array. */
export type Kernel = (source: Uint8Array, tables: Uint8Array, out: Uint8Array, width: number, height: number) => void;

export class Canvas {
  readonly width: number;
  readonly height: number;
  private source: Uint8Array;
  private readonly out: Uint8Array;
  private readonly tables = IDENTITY.slice();
  private pending = false;

  /** The result is written to `out` (height x width x 3 bytes); the image is only read. */
  constructor(image: Rgb, out: Uint8Array) {
    this.width = image.width;
    this.height = image.height;
    this.source = image.data;
    this.out = out;
  }

  /** Maps each channel's value by its table: one of 256 entries for all three channels, or 768 entries for R, G, B. */
  map(table: Uint8Array): void {
    const { tables } = this;
    const apart = table.length > 256;
    for (let i = 0; i < 768; i++) tables[i] = table[apart ? (i & 768) | tables[i]! : tables[i]!]!;
    this.pending = true;
  }

  /** Computes new pixels from the old ones. */
  run(kernel: Kernel): void {
    kernel(this.source, this.tables, this.out, this.width, this.height);
    this.source = this.out;
    this.tables.set(IDENTITY);
    this.pending = false;
  }

  /** `run` for operations that look at neighbours: the kernel gets whole pixels, in other memory than `out`. */
  runOnPixels(kernel: (pixels: Uint8Array, out: Uint8Array, width: number, height: number) => void): void {
    this.run((source, tables, out, width, height) => {
      let pixels = source;
      if (this.pending || source === out) {
        pixels = copied.take(source.length);
        if (this.pending) applyTables(source, tables, pixels, width, height);
        else pixels.set(source);
      }
      kernel(pixels, out, width, height);
    });
  }

  /** How many pixels have each value: 256 counts each for R, G, B. */
  histogram(): Uint32Array {
    const { source, tables } = this;
    const stored = new Uint32Array(768);
    for (let i = 0; i < source.length; i += 3) {
      stored[source[i]!]!++;
      stored[256 + source[i + 1]!]!++;
      stored[512 + source[i + 2]!]!++;
    }
    const counts = new Uint32Array(768);
    for (let i = 0; i < 768; i++) counts[(i & 768) | tables[i]!]! += stored[i]!;
    return counts;
  }

  /** Mean of the 8-bit luma. */
  meanLuma(): number {
    const { source } = this;
    const luma = lumaTables(this.tables);
    const rowBytes = this.width * 3;
    let sum = 0;
    for (let y = 0, i = 0; y < this.height; y++) {
      let row = 0;
      for (const end = i + rowBytes; i < end; i += 3)
        row += (luma[source[i]!]! + luma[256 + source[i + 1]!]! + luma[512 + source[i + 2]!]!) >> 16;
      sum += row;
    }
    return sum / (this.width * this.height);
  }

  /** Carries out what is pending; `out` then holds the result. */
  finish(): void {
    if (this.pending) this.run(applyTables);
    else if (this.source !== this.out) {
      this.out.set(this.source);
      this.source = this.out;
    }
  }
}

const applyTables: Kernel = (source, tables, out) => {
  const red = tables.subarray(0, 256);
  const green = tables.subarray(256, 512);
  const blue = tables.subarray(512, 768);
  for (let i = 0; i < source.length; i += 3) {
    out[i] = red[source[i]!]!;
    out[i + 1] = green[source[i + 1]!]!;
    out[i + 2] = blue[source[i + 2]!]!;
  }
};

/** Each channel's share of the luma in 16-bit fixed point: (t[r] + t[256 + g] + t[512 + b]) >> 16 is a pixel's luma. */
export function lumaTables(tables: Uint8Array): Int32Array {
  const luma = new Int32Array(768);
  for (let i = 0; i < 256; i++) {
    luma[i] = tables[i]! * LUMA[0] + LUMA_HALF;
    luma[256 + i] = tables[256 + i]! * LUMA[1];
    luma[512 + i] = tables[512 + i]! * LUMA[2];
  }
  return luma;
}

/** One operation alone: a new image, the old one untouched. */
export function applyAlone(image: Rgb, paint: (canvas: Canvas) => void): Rgb {
  const data = new Uint8Array(image.width * image.height * 3);
  const canvas = new Canvas(image, data);
  paint(canvas);
  canvas.finish();
  return { width: image.width, height: image.height, data };
}

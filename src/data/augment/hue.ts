/**
 * Hue shift as torchvision does it on Pillow images: to 8-bit HSV, hue + trunc(255 shift) modulo 256, and back.
 *
 * With max, middle and min the ordered channels: v = max, s = trunc(255 (max - min) / max), and the hue depends only on the
 * channels' order, on max - min and on max - middle. Pillow computes in single precision; the tables below hold the result
 * of the same roundings for every value that can occur.
 */
import type { Random } from '../../base/random.ts';
import type { Rgb } from '../types.ts';
import { applyAlone, type Canvas } from './canvas.ts';

export interface Hue {
  /** Part of the colour circle, in [-0.5, 0.5]. */
  readonly shift: number;
}

/** Largest shift of the eleven operations (SPEC section 3). */
const LARGEST = 0.5;

/** As one of the eleven operations: size uniform in [0, 0.5], either sign. */
export function drawHue(random: Random): Hue {
  const size = random.uniform(0, LARGEST);
  return { shift: random.chance(0.5) ? -size : size };
}

const { fround } = Math;

/**
 * The hue in sixths of the circle for d = (max - middle) / (max - min), by order of the channels:
 * max red (min blue, green), max green (min blue, red), max blue (min red, green).
 */
const SIXTHS: readonly ((d: number) => number)[] = [
  (d) => 1 - d,
  (d) => d - 1,
  (d) => 2 + d - 1,
  (d) => 2 + 1 - d,
  (d) => 4 + d - 1,
  (d) => 4 + 1 - d,
];

interface HsvTables {
  /** Hue at order << 16 | (max - min) << 8 | (max - middle). */
  readonly hue: Uint8Array;
  /** At max << 8 | (max - min): saturation << 8 | the smallest channel after a shift, which is v (1 - s). */
  readonly saturation: Uint16Array;
  /**
   * For each hue: its sixth of the circle, and how far it is from the sixth's end at which the middle channel is largest.
   * Pillow rounds some of what follows to single precision; over all 2^24 values that changes no pixel.
   */
  readonly sixth: Uint8Array;
  readonly part: Float64Array;
  /** Saturation / 255 in single precision. */
  readonly unit: Float32Array;
}

let tablesOnce: HsvTables | undefined;

function hsvTables(): HsvTables {
  tablesOnce ??= buildTables();
  return tablesOnce;
}

function buildTables(): HsvTables {
  const hue = new Uint8Array(6 << 16);
  for (const [order, sixths] of SIXTHS.entries()) {
    for (let range = 1; range < 256; range++) {
      for (let below = 0; below <= range; below++) {
        const turns = fround((fround(sixths(fround(below / range))) / 6 + 1) % 1);
        hue[(order << 16) | (range << 8) | below] = turns * 255;
      }
    }
  }
  const unit = Float32Array.from({ length: 256 }, (_, s) => s / 255);
  const saturation = new Uint16Array(1 << 16);
  for (let max = 0; max < 256; max++) {
    for (let range = 0; range <= max; range++) {
      const s = max === 0 ? 0 : Math.trunc(fround(range / max) * 255);
      saturation[(max << 8) | range] = (s << 8) | Math.floor(max * (1 - unit[s]!) + 0.5);
    }
  }
  const sixth = Uint8Array.from({ length: 256 }, (_, h) => Math.floor((h * 6) / 255) % 6);
  const part = Float64Array.from({ length: 256 }, (_, h) => {
    const through = fround((h * 6) / 255 - Math.floor((h * 6) / 255));
    return sixth[h]! % 2 === 0 ? 1 - through : through;
  });
  return { hue, saturation, sixth, part, unit };
}

/** Where the shifted hue's largest, middle and smallest channel go, by sixth of the circle. */
const LARGEST_AT = Uint8Array.of(0, 1, 1, 2, 2, 0);
const MIDDLE_AT = Uint8Array.of(1, 0, 2, 1, 0, 2);
const SMALLEST_AT = Uint8Array.of(2, 2, 0, 0, 1, 1);

/**
 * The channels' order by three comparisons, red < green << 2 | green < blue << 1 | red < blue (two of the eight cannot be),
 * and the bit at which the largest, middle and smallest channel lie in red | green << 8 | blue << 16. Ties go to red, then
 * to green. Comparisons as bits instead of branches: the order of a pixel's channels is hard to predict.
 */
const ORDER = Uint8Array.of(0, 0, 1, 5, 2, 3, 0, 4);
const LARGEST_BIT = Uint8Array.of(0, 0, 0, 16, 8, 8, 0, 16);
const MIDDLE_BIT = Uint8Array.of(8, 0, 16, 0, 0, 16, 0, 8);
const SMALLEST_BIT = Uint8Array.of(16, 0, 8, 8, 16, 0, 0, 0);

export function paintHue(canvas: Canvas, { shift }: Hue): void {
  const by = Math.trunc(shift * 255) & 255;
  const { hue, saturation, sixth, part, unit } = hsvTables();
  canvas.run((source, tables, out) => {
    for (let i = 0; i < source.length; i += 3) {
      const red = tables[source[i]!]!;
      const green = tables[256 + source[i + 1]!]!;
      const blue = tables[512 + source[i + 2]!]!;
      const compared = (((red - green) >>> 31) << 2) | (((green - blue) >>> 31) << 1) | ((red - blue) >>> 31);
      const channels = red | (green << 8) | (blue << 16);
      const max = (channels >> LARGEST_BIT[compared]!) & 255;
      const middle = (channels >> MIDDLE_BIT[compared]!) & 255;
      const range = max - ((channels >> SMALLEST_BIT[compared]!) & 255);
      const turned = (hue[(ORDER[compared]! << 16) | (range << 8) | (max - middle)]! + by) & 255;
      const packed = saturation[(max << 8) | range]!;
      const at = sixth[turned]!;
      out[i + LARGEST_AT[at]!] = max;
      out[i + MIDDLE_AT[at]!] = max * (1 - unit[packed >> 8]! * part[turned]!) + 0.5;
      out[i + SMALLEST_AT[at]!] = packed & 255;
    }
  });
}

export const applyHue = (image: Rgb, parameters: Hue): Rgb => applyAlone(image, (canvas) => paintHue(canvas, parameters));

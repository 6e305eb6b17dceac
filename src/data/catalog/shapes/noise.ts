/**
 * Smooth random fields: value noise (random heights on a grid of unit squares, smoothly interpolated) and its sum over
 * octaves. What gives meadows, clouds, leaves and waves their texture.
 */
import type { Random } from '../../../base/random.ts';

const PERIOD = 128;

export class Noise {
  private readonly heights = new Float32Array(PERIOD * PERIOD);

  constructor(random: Random) {
    for (let i = 0; i < this.heights.length; i++) this.heights[i] = random.uniform(-1, 1);
  }

  /** Height at (x, y), in -1..1; features about one unit wide. Repeats after 128 units. */
  at(x: number, y: number): number {
    const left = Math.floor(x);
    const top = Math.floor(y);
    const u = x - left;
    const v = y - top;
    const smoothU = u * u * (3 - 2 * u);
    const smoothV = v * v * (3 - 2 * v);
    const row0 = (top & (PERIOD - 1)) * PERIOD;
    const row1 = ((top + 1) & (PERIOD - 1)) * PERIOD;
    const column0 = left & (PERIOD - 1);
    const column1 = (left + 1) & (PERIOD - 1);
    const heights = this.heights;
    const a = heights[row0 + column0]!;
    const b = heights[row0 + column1]!;
    const c = heights[row1 + column0]!;
    const d = heights[row1 + column1]!;
    const upper = a + (b - a) * smoothU;
    return upper + (c + (d - c) * smoothU - upper) * smoothV;
  }

  /**
   * Sum of octaves, each twice as fine and `gain` times as high as the last (fractional Brownian motion), in about -1..1.
   * An octave finer than `pixel` (the width of a pixel in noise units) would alias: it fades out.
   */
  octaves(x: number, y: number, count: number, pixel = 0, gain = 0.5): number {
    let sum = 0;
    let total = 0;
    let height = 1;
    let scale = 1;
    for (let octave = 0; octave < count; octave++) {
      const seen = Math.min(1, Math.max(0, 1.6 - 2 * pixel * scale));
      total += height;
      if (seen > 0) sum += seen * height * this.at(x * scale + 37 * octave, y * scale + 91 * octave);
      height *= gain;
      scale *= 2;
    }
    return (1.6 * sum) / total;
  }
}

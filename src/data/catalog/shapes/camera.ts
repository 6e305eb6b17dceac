/** From linear light to an 8-bit photograph: exposure, white balance, a soft lens, vignette, film curve, sensor noise. */
import type { Random } from '../../../base/random.ts';
import type { Rgb } from '../../types.ts';
import type { Canvas } from './canvas.ts';

/** The mean brightness that the exposure aims at, in linear light. */
const MIDDLE = 0.3;
/** Entries of the table that brings linear light 0..4 to sRGB 0..255. */
const CURVE_STEPS = 4096;

/** A filmic shoulder, then the sRGB curve. */
const CURVE = Float32Array.from({ length: CURVE_STEPS + 1 }, (_, i) => {
  const linear = (4 * i) / CURVE_STEPS;
  const film = linear < 0.5 ? linear : 0.5 + (0.5 * (linear - 0.5)) / (linear - 0.5 + 0.5);
  return 255 * (film <= 0.0031308 ? 12.92 * film : 1.055 * film ** (1 / 2.4) - 0.055);
});

/** Horizontal, then vertical blur with the kernel (side, 1 - 2 side, side). */
function soften(colour: Float32Array, width: number, height: number, side: number): Float32Array {
  const pass = (from: Float32Array, step: number, inside: (pixel: number) => { before: boolean; after: boolean }): Float32Array => {
    const to = new Float32Array(from.length);
    for (let pixel = 0; pixel < width * height; pixel++) {
      const { before, after } = inside(pixel);
      for (let c = 0; c < 3; c++) {
        const here = from[3 * pixel + c]!;
        const previous = before ? from[3 * (pixel - step) + c]! : here;
        const next = after ? from[3 * (pixel + step) + c]! : here;
        to[3 * pixel + c] = here * (1 - 2 * side) + (previous + next) * side;
      }
    }
    return to;
  };
  const across = pass(colour, 1, (pixel) => ({ before: pixel % width > 0, after: pixel % width < width - 1 }));
  return pass(across, width, (pixel) => ({ before: pixel >= width, after: pixel < width * (height - 1) }));
}

export function expose(canvas: Canvas, random: Random): Rgb {
  const { width, height } = canvas;
  const colour = soften(canvas.colour, width, height, random.uniform(0.06, 0.2));
  let sum = 0;
  for (const value of colour) sum += Math.min(2, value);
  const exposure = (MIDDLE / Math.max(0.02, sum / colour.length)) ** 0.75 * Math.exp(0.22 * random.normal());
  const balance = [Math.exp(0.06 * random.normal()), 1, Math.exp(0.06 * random.normal())];
  const grain = random.uniform(1, 4.5);
  const vignette = random.uniform(0, 0.3);
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const u = (2 * x) / width - 1;
      const v = (2 * y) / height - 1;
      const gain = exposure * (1 - (vignette * (u * u + v * v)) / 2);
      // the three channels share most of a pixel's noise; a sum of uniforms is near enough to a normal
      const shared = random.uniform(-1, 1) + random.uniform(-1, 1);
      for (let c = 0; c < 3; c++) {
        const index = 3 * (y * width + x) + c;
        const step = (Math.min(3.99, Math.max(0, colour[index]! * gain * balance[c]!)) * CURVE_STEPS) / 4;
        data[index] = Math.min(255, Math.max(0, Math.round(CURVE[Math.floor(step)]! + grain * (shared + random.uniform(-0.7, 0.7)))));
      }
    }
  return { width, height, data };
}

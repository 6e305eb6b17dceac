/**
 * Sharpness: a blend of a smoothed image (factor 0) and the image (factor 1); Pillow's ImageEnhance.Sharpness.
 * Smooth is the mean over 3 x 3 pixels in which the middle one counts five times, rounded; the outermost rows and columns,
 * and images with a side under 3, are not smoothed.
 */
import type { Random } from '../../base/random.ts';
import type { Rgb } from '../types.ts';
import { blendTable } from './blend.ts';
import { applyAlone, type Canvas } from './canvas.ts';
import { drawFactor, type Factor } from './factor.ts';

/** Sum of the filter's weights: eight neighbours and five times the middle. */
const WEIGHT = 13;

/**
 * The rounded mean of a weighted sum, shifted left by 8 bits. Pillow adds floats and drops the fraction of mean + 1/2; the
 * mean is a whole number of thirteenths, never within 1/26 of the border, so that integers give the same.
 */
const ROUNDED = Uint16Array.from({ length: 255 * WEIGHT + 1 }, (_, sum) => Math.floor((2 * sum + WEIGHT) / (2 * WEIGHT)) << 8);

/** As one of the eleven operations (SPEC section 3). */
export const drawSharpness = (random: Random): Factor => drawFactor(random);

export function paintSharpness(canvas: Canvas, { factor }: Factor): void {
  const blended = blendTable(factor);
  canvas.runOnPixels((pixels, out, width, height) => {
    out.set(pixels.subarray(0, width * height * 3));
    const rowBytes = width * 3;
    for (let y = 1; y < height - 1; y++) {
      const start = y * rowBytes;
      for (let channel = 0; channel < 3; channel++) {
        let i = start + channel;
        let left = pixels[i - rowBytes]! + pixels[i]! + pixels[i + rowBytes]!;
        i += 3;
        let own = pixels[i]!;
        let middle = pixels[i - rowBytes]! + own + pixels[i + rowBytes]!;
        for (const end = start + rowBytes - 3; i < end; i += 3) {
          const next = pixels[i + 3]!;
          const right = pixels[i - rowBytes + 3]! + next + pixels[i + rowBytes + 3]!;
          out[i] = blended[ROUNDED[left + middle + right + 4 * own]! | own]!;
          left = middle;
          middle = right;
          own = next;
        }
      }
    }
  });
}

export const applySharpness = (image: Rgb, parameters: Factor): Rgb => applyAlone(image, (canvas) => paintSharpness(canvas, parameters));

/** Contrast: a blend of the image's mean grey (factor 0) and the image (factor 1); Pillow's ImageEnhance.Contrast. */
import type { Random } from '../../base/random.ts';
import type { Rgb } from '../types.ts';
import { blendConstant } from './blend.ts';
import { applyAlone, type Canvas } from './canvas.ts';
import { drawFactor, type Factor } from './factor.ts';

/** As one of the eleven operations (SPEC section 3). */
export const drawContrast = (random: Random): Factor => drawFactor(random);

export function paintContrast(canvas: Canvas, { factor }: Factor): void {
  canvas.map(blendConstant(Math.trunc(canvas.meanLuma() + 0.5), factor));
}

export const applyContrast = (image: Rgb, parameters: Factor): Rgb => applyAlone(image, (canvas) => paintContrast(canvas, parameters));

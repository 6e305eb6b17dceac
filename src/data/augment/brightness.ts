/** Brightness: a blend of black (factor 0) and the image (factor 1); Pillow's ImageEnhance.Brightness. */
import type { Random } from '../../base/random.ts';
import type { Rgb } from '../types.ts';
import { blendConstant } from './blend.ts';
import { applyAlone, type Canvas } from './canvas.ts';
import { drawFactor, type Factor } from './factor.ts';

/** As one of the eleven operations (SPEC section 3). */
export const drawBrightness = (random: Random): Factor => drawFactor(random);

export function paintBrightness(canvas: Canvas, { factor }: Factor): void {
  canvas.map(blendConstant(0, factor));
}

export const applyBrightness = (image: Rgb, parameters: Factor): Rgb => applyAlone(image, (canvas) => paintBrightness(canvas, parameters));

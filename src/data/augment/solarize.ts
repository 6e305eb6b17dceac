/** Solarize: values from a threshold on are inverted; Pillow's ImageOps.solarize. */
import type { Random } from '../../base/random.ts';
import type { Rgb } from '../types.ts';
import { applyAlone, type Canvas } from './canvas.ts';

export interface Solarize {
  /** First value that is inverted, 0 to 256. */
  readonly threshold: number;
}

/** 256 - ceil(255u), at least one taken off: 1 to 255 (SPEC section 3). */
export const drawSolarize = (random: Random): Solarize => ({ threshold: 256 - Math.max(1, Math.ceil(255 * random.uniform())) });

export function paintSolarize(canvas: Canvas, { threshold }: Solarize): void {
  canvas.map(Uint8Array.from({ length: 256 }, (_, value) => (value < threshold ? value : 255 - value)));
}

export const applySolarize = (image: Rgb, parameters: Solarize): Rgb => applyAlone(image, (canvas) => paintSolarize(canvas, parameters));

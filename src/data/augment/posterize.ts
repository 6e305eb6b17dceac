/** Posterize: only the highest bits of each value are kept; Pillow's ImageOps.posterize. */
import type { Random } from '../../base/random.ts';
import type { Rgb } from '../types.ts';
import { applyAlone, type Canvas } from './canvas.ts';

export interface Posterize {
  /** Bits kept, 1 to 8. */
  readonly bits: number;
}

/** 8 - ceil(4u) bits, at least one taken off: 4 to 7 (SPEC section 3). */
export const drawPosterize = (random: Random): Posterize => ({ bits: 8 - Math.max(1, Math.ceil(4 * random.uniform())) });

export function paintPosterize(canvas: Canvas, { bits }: Posterize): void {
  const kept = 256 - (1 << (8 - bits));
  canvas.map(Uint8Array.from({ length: 256 }, (_, value) => value & kept));
}

export const applyPosterize = (image: Rgb, parameters: Posterize): Rgb => applyAlone(image, (canvas) => paintPosterize(canvas, parameters));

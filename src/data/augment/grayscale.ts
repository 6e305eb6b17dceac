/** Grayscale: the 8-bit luma in all three channels (Pillow's convert('L'), merged). */
import type { Rgb } from '../types.ts';
import { applyAlone, type Canvas, type Kernel, lumaTables } from './canvas.ts';

export function paintGrayscale(canvas: Canvas): void {
  canvas.run(toLuma);
}

const toLuma: Kernel = (source, tables, out) => {
  const luma = lumaTables(tables);
  for (let i = 0; i < source.length; i += 3) {
    const grey = (luma[source[i]!]! + luma[256 + source[i + 1]!]! + luma[512 + source[i + 2]!]!) >> 16;
    out[i] = grey;
    out[i + 1] = grey;
    out[i + 2] = grey;
  }
};

export const applyGrayscale = (image: Rgb): Rgb => applyAlone(image, paintGrayscale);

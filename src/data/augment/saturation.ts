/** Colour saturation: a blend of the grey image (factor 0) and the image (factor 1); Pillow's ImageEnhance.Color. */
import type { Random } from '../../base/random.ts';
import type { Rgb } from '../types.ts';
import { blendTable } from './blend.ts';
import { applyAlone, type Canvas, lumaTables } from './canvas.ts';
import { drawFactor, type Factor } from './factor.ts';

/** As one of the eleven operations (SPEC section 3). */
export const drawSaturation = (random: Random): Factor => drawFactor(random);

export function paintSaturation(canvas: Canvas, { factor }: Factor): void {
  const blended = blendTable(factor);
  canvas.run((source, tables, out) => {
    const luma = lumaTables(tables);
    for (let i = 0; i < source.length; i += 3) {
      const red = source[i]!;
      const green = 256 + source[i + 1]!;
      const blue = 512 + source[i + 2]!;
      const grey = ((luma[red]! + luma[green]! + luma[blue]!) >> 8) & 0xff00;
      out[i] = blended[grey | tables[red]!]!;
      out[i + 1] = blended[grey | tables[green]!]!;
      out[i + 2] = blended[grey | tables[blue]!]!;
    }
  });
}

export const applySaturation = (image: Rgb, parameters: Factor): Rgb => applyAlone(image, (canvas) => paintSaturation(canvas, parameters));

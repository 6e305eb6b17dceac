/** Autocontrast: each channel stretched so that its darkest value becomes 0 and its lightest 255; Pillow's ImageOps.autocontrast. */
import type { Rgb } from '../types.ts';
import { applyAlone, type Canvas } from './canvas.ts';

export function paintAutocontrast(canvas: Canvas): void {
  const counts = canvas.histogram();
  const tables = new Uint8Array(768);
  for (let channel = 0; channel < 768; channel += 256) {
    let low = 0;
    let high = 255;
    while (low < 255 && counts[channel + low] === 0) low++;
    while (high > 0 && counts[channel + high] === 0) high--;
    const scale = high > low ? 255 / (high - low) : 1;
    const offset = high > low ? -low * scale : 0;
    for (let value = 0; value < 256; value++) tables[channel + value] = Math.min(255, Math.max(0, Math.trunc(value * scale + offset)));
  }
  canvas.map(tables);
}

export const applyAutocontrast = (image: Rgb): Rgb => applyAlone(image, paintAutocontrast);

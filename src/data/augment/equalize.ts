/** Equalize: each channel mapped so that its values become as evenly frequent as can be; Pillow's ImageOps.equalize. */
import type { Rgb } from '../types.ts';
import { applyAlone, type Canvas } from './canvas.ts';

export function paintEqualize(canvas: Canvas): void {
  const counts = canvas.histogram();
  const tables = new Uint8Array(768);
  for (let channel = 0; channel < 768; channel += 256) {
    const table = tables.subarray(channel, channel + 256);
    equalize(counts.subarray(channel, channel + 256), table);
  }
  canvas.map(tables);
}

/** Fills one channel's table. The step leaves the lightest value's pixels out; a channel too small or of one value stays. */
function equalize(counts: Uint32Array, table: Uint8Array): void {
  let total = 0;
  let last = 0;
  for (let value = 0; value < 256; value++) {
    total += counts[value]!;
    if (counts[value] !== 0) last = value;
  }
  const step = Math.floor((total - counts[last]!) / 255);
  let before = Math.floor(step / 2);
  for (let value = 0; value < 256; value++) {
    table[value] = step === 0 ? value : Math.min(255, Math.floor(before / step));
    before += counts[value]!;
  }
}

export const applyEqualize = (image: Rgb): Rgb => applyAlone(image, paintEqualize);

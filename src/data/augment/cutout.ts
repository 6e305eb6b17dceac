/** Cutout of ST++ (Yang et al., CVPR 2022; SPEC section 8b): a box of noise, whose pixels are not learnt from. */
import type { Random } from '../../base/random.ts';
import { IGNORE_LABEL } from '../catalog/dataset.ts';
import type { Box } from '../types.ts';
import { drawBox } from './cutmix.ts';

const CUTOUT_CHANCE = 0.5;
/** Noise is uniform from 0 to this value, per pixel and channel. */
const BRIGHTEST = 254;

/** With 0.5 none, else a box as for CutMix, but its area too is drawn on every try. */
export function drawCutout(random: Random, cropSize: number): Box | undefined {
  return random.chance(CUTOUT_CHANCE) ? drawBox(random, cropSize) : undefined;
}

/** Fills the box in place: noise in the crop (cropSize x cropSize x 3 bytes), 255 in its labels. */
export function applyCutout(crop: Uint8Array, labels: Uint8Array, cropSize: number, box: Box | undefined, noise: Random): void {
  if (box === undefined) return;
  for (let y = box.top; y < box.top + box.height; y++) {
    const start = y * cropSize + box.left;
    labels.fill(IGNORE_LABEL, start, start + box.width);
    for (let i = 3 * start; i < 3 * (start + box.width); i++) crop[i] = noise.integer(0, BRIGHTEST);
  }
}

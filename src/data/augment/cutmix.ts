/** The CutMix box of a strong view (SPEC section 3). */
import type { Random } from '../../base/random.ts';
import type { Box } from '../types.ts';

const BOX_CHANCE = 0.5;
/** Area as a part of the crop's, and height / width. */
const AREA = [0.02, 0.4] as const;
const RATIO = [0.3, 1 / 0.3] as const;

const NO_BOX: Box = { top: 0, left: 0, height: 0, width: 0 };

/** With 0.5 no box; else one area, for which shapes and corners are drawn until the box lies inside the crop. */
export function drawCutMixBox(random: Random, cropSize: number): Box {
  if (!random.chance(BOX_CHANCE)) return NO_BOX;
  const area = random.uniform(...AREA);
  return drawBox(random, cropSize, () => area);
}

/** A box inside the crop: area, shape and corner are drawn until it fits. `area` gives its part of the crop's. */
export function drawBox(random: Random, cropSize: number, drawArea = () => random.uniform(...AREA)): Box {
  for (;;) {
    const area = drawArea() * cropSize * cropSize;
    const ratio = random.uniform(...RATIO);
    const width = Math.trunc(Math.sqrt(area / ratio));
    const height = Math.trunc(Math.sqrt(area * ratio));
    const left = random.integer(0, cropSize - 1);
    const top = random.integer(0, cropSize - 1);
    if (left + width <= cropSize && top + height <= cropSize) return { top, left, height, width };
  }
}

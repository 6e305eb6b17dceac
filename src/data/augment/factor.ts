import type { Random } from '../../base/random.ts';

/** How much of the image is kept: 1 is the image itself, 0 the degenerate image (black, grey or smooth), above 1 overshoots. */
export interface Factor {
  readonly factor: number;
}

/** Range of the factor in the eleven operations: always towards the degenerate image (SPEC section 3). */
const WEAKEST = 0.95;
const STRONGEST = 0.05;

/** The factor of contrast, brightness, colour or sharpness as one of the eleven operations. */
export const drawFactor = (random: Random): Factor => ({ factor: random.uniform(STRONGEST, WEAKEST) });

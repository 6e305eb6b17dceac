/** Colour jitter with torchvision's semantics: all four changes, each drawn uniformly, in random order. */
import type { Random } from '../../base/random.ts';
import type { Operation } from './operation.ts';

/** Brightness, contrast and saturation factors lie within 1 +- this; the hue shift within +- HUE of the circle (SPEC section 3). */
const FACTOR = 0.5;
const HUE = 0.25;

/** The four operations in the order in which they are to be carried out. */
export function drawJitter(random: Random): Operation[] {
  const factor = (): number => random.uniform(1 - FACTOR, 1 + FACTOR);
  const changes: readonly Operation[] = [
    { name: 'brightness', factor: factor() },
    { name: 'contrast', factor: factor() },
    { name: 'saturation', factor: factor() },
    { name: 'hue', shift: random.uniform(-HUE, HUE) },
  ];
  return Array.from(random.permutation(changes.length), (index) => changes[index]!);
}

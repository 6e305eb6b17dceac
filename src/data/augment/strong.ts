/**
 * The strong view of an unlabelled crop (SPEC section 3): with 0.8 colour jitter, with 0.2 grayscale, with 0.5 Gaussian
 * blur, then up to `numAug` of the eleven operations.
 */
import type { Random } from '../../base/random.ts';
import type { Rgb } from '../types.ts';
import { drawBlur } from './blur.ts';
import { Canvas } from './canvas.ts';
import { drawJitter } from './jitter.ts';
import { ELEVEN, type Operation, paint } from './operation.ts';

const JITTER_CHANCE = 0.8;
const GRAYSCALE_CHANCE = 0.2;
const BLUR_CHANCE = 0.5;

export interface StrongOptions {
  /** Most of the eleven operations at once (at least one is then drawn); 0 leaves them out. */
  readonly numAug: number;
}

/** What was drawn for one strong view: the operations in the order in which they are carried out. */
export interface StrongParameters {
  readonly operations: readonly Operation[];
}

/** Jitter, grayscale and blur, which the strong views and the pseudo-labelled images of ST share. */
export function drawColour(random: Random): Operation[] {
  const operations: Operation[] = [];
  if (random.chance(JITTER_CHANCE)) operations.push(...drawJitter(random));
  if (random.chance(GRAYSCALE_CHANCE)) operations.push({ name: 'grayscale' });
  if (random.chance(BLUR_CHANCE)) operations.push({ name: 'blur', ...drawBlur(random) });
  return operations;
}

export function drawStrong(random: Random, { numAug }: StrongOptions): StrongParameters {
  const operations = drawColour(random);
  const count = numAug > 0 ? random.integer(1, numAug) : 0;
  for (let i = 0; i < count; i++) operations.push(random.pick(ELEVEN)(random));
  return { operations };
}

/**
 * The strong view of a crop, padding included. The crop is only read; the view is written to `out` where it is given
 * (height x width x 3 bytes, for instance a place in a shared batch), else to new memory.
 */
export function applyStrong(image: Rgb, parameters: StrongParameters, out: Uint8Array = new Uint8Array(image.data.length)): Rgb {
  const canvas = new Canvas(image, out);
  for (const operation of parameters.operations) paint(canvas, operation);
  canvas.finish();
  return { width: image.width, height: image.height, data: out };
}

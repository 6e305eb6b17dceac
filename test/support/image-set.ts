/**
 * A tiny data set on disk for the loaders' tests: image k is a texture of GREYS grey levels from levelOf(k) on, which no other
 * image has, and its label map is all of label k mod CLASSES.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { labelTable } from '../../src/data/catalog/dataset.ts';
import type { TrainBatch, TrainLoaderOptions } from '../../src/data/loader/train-loader.ts';
import type { Sample } from '../../src/data/types.ts';

export const CLASSES = 4;
export const GREYS = 15;
/** The darkest pixel of image k; padding is 0. */
export const levelOf = (k: number): number => 20 + 20 * k;

export interface Fixture {
  readonly root: string;
  readonly samples: readonly Sample[];
}

/** Image k is 40 + k wide and 30 high, in odd k upright. */
export function writeFixture(count: number): Fixture {
  const root = mkdtempSync(join(tmpdir(), 'loader-'));
  mkdirSync(join(root, 'images'));
  mkdirSync(join(root, 'masks'));
  const samples = Array.from({ length: count }, (_, k) => {
    const [width, height] = k % 2 === 0 ? [40 + k, 30] : [30, 40 + k];
    const sample = { id: `images/${k}`, image: `images/${k}.png`, mask: `masks/${k}.png` };
    const pixels = Uint8Array.from({ length: width! * height! * 3 }, (_, i) => levelOf(k) + ((Math.floor(i / 3) * 7) % GREYS));
    const labels = new Uint8Array(width! * height!).fill(k % CLASSES);
    writeFileSync(join(root, sample.image), encode({ width: width!, height: height!, data: pixels, channels: 3, depth: 8 }));
    writeFileSync(join(root, sample.mask), encode({ width: width!, height: height!, data: labels, channels: 1, depth: 8 }));
    return sample;
  });
  return { root, samples };
}

/** Options of a loader over the fixture: the first `labelled` samples have labels, the others do not. */
export function optionsFor({ root, samples }: Fixture, labelled: number, changes: Partial<TrainLoaderOptions> = {}): TrainLoaderOptions {
  return {
    root,
    labelled: samples.slice(0, labelled),
    unlabelled: samples.slice(labelled),
    labelMap: labelTable({ classes: Array.from({ length: CLASSES }, (_, i) => `class ${i}`) }),
    cropSize: 24,
    longSide: null,
    scaleBase: null,
    batchSize: 2,
    numAug: 3,
    cutmixPartner: 'same',
    seed: 3,
    rank: 0,
    world: 1,
    workers: 0,
    startIteration: 0,
    iterations: 1000,
    ...changes,
  };
}

/** All that a batch says, copied out of the shared memory; the batch is released. */
export function copyOf(batch: TrainBatch): unknown {
  const { release, ...rest } = batch;
  const copy: unknown = structuredClone(JSON.parse(JSON.stringify(rest, plain)));
  release();
  return copy;
}

const plain = (_key: string, value: unknown): unknown =>
  value instanceof Uint8Array || value instanceof Int32Array ? Buffer.from(value.slice().buffer).toString('base64') : value;

/**
 * Whole samples through the loader, for random images, label maps and configurations: image, labels and padding of every view
 * stay aligned pixel by pixel (SPEC section 3).
 *
 * An image says in red and green where each of its pixels comes from, and blue is 255 in all of it: padding, which is 0, is told
 * apart whatever the labels are. The stored labels are the pixel's column, or its row, in the source.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { encode } from 'fast-png';
import { afterAll, expect, it } from 'vitest';
import { random } from '../../base/random.ts';
import { sizeForLongSide } from '../augment/long-side.ts';
import { applyStrong, drawStrong } from '../augment/strong.ts';
import { side } from '../augment/testing.ts';
import type { Sample } from '../types.ts';
import type { Stream } from './order.ts';
import { TrainLoader, type UnlabelledBatch } from './train-loader.ts';

const root = mkdtempSync(join(tmpdir(), 'samples-'));
afterAll(() => rmSync(root, { recursive: true }));
mkdirSync(join(root, 'images'));
mkdirSync(join(root, 'masks'));

const IGNORE = 255;
/** Labels of the images: those below are columns or rows. */
const LARGEST_SIDE = 90;
type Size = readonly [width: number, height: number];

/** Writes image number `key`; its labels are columns where the number is even, else rows. */
function writeSample(key: number, [width, height]: Size): Sample {
  const sample = { id: `images/${key}`, image: `images/${key}.png`, mask: `masks/${key}.png` };
  const pixels = new Uint8Array(3 * width * height);
  const labels = new Uint8Array(width * height);
  for (let i = 0; i < labels.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    pixels.set([1 + 2 * x, 1 + 2 * y, 255], 3 * i);
    labels[i] = key % 2 === 0 ? x : y;
  }
  writeFileSync(join(root, sample.image), encode({ width, height, data: pixels, channels: 3, depth: 8 }));
  writeFileSync(join(root, sample.mask), encode({ width, height, data: labels, channels: 1, depth: 8 }));
  return sample;
}

/** A random label map: every stored label gets a train label of its own, but for some that are ignored. */
function drawLabelMap(seed: number, ignored: number): { table: Uint8Array; storedOf: Map<number, number[]> } {
  const stream = random('label map', seed);
  const order = stream.permutation(LARGEST_SIDE);
  const table = new Uint8Array(256).fill(IGNORE);
  const storedOf = new Map<number, number[]>();
  for (let stored = 0; stored < LARGEST_SIDE; stored++) {
    const train = stream.chance(ignored) ? IGNORE : order[stored]!;
    table[stored] = train;
    storedOf.set(train, [...(storedOf.get(train) ?? []), stored]);
  }
  return { table, storedOf };
}

/**
 * How far red (two levels a column) may be from the nearest neighbour's: each of the two bilinear resizes looks as far as its
 * filter reaches, in pixels of what it resizes, and rounds.
 */
function reachOf(length: number, through: number, least: number): number {
  const first = length / through;
  const second = Math.max(1, through / least);
  return 2 * (Math.max(1, first) + (first === 1 ? 0 : 1)) + 2 * Math.max(1, first) * second + 2;
}

/** An expectation for pixels: there are too many for `expect`. */
function hold(right: boolean, text: string): void {
  if (!right) throw new Error(text);
}

const part = <T extends Uint8Array | Int32Array>(data: T, index: number, length: number): T =>
  data.subarray(index * length, (index + 1) * length) as T;

/** Operations that give equal colours of an image equal colours, wherever they stand. */
const POINTWISE = [
  'identity',
  'autocontrast',
  'equalize',
  'grayscale',
  'brightness',
  'contrast',
  'saturation',
  'hue',
  'posterize',
  'solarize',
];
const colourAt = (view: Uint8Array, i: number): number => (view[3 * i]! << 16) | (view[3 * i + 1]! << 8) | view[3 * i + 2]!;

const configuration = fc.record({
  sizes: fc.array(fc.tuple(side, side), { minLength: 4, maxLength: 5 }),
  cropSize: fc.oneof(fc.constantFrom(1, 2), fc.integer({ min: 3, max: 48 })),
  longSide: fc.option(fc.integer({ min: 1, max: 90 }), { nil: null }),
  numAug: fc.integer({ min: 0, max: 11 }),
  batchSize: fc.integer({ min: 1, max: 2 }),
  cutmixPartner: fc.constantFrom('same', 'other'),
  seed: fc.nat(),
  ignored: fc.constantFrom(0, 0.2, 1),
});

it('keeps image, labels and padding together in every view', async () => {
  const seen = { padded: 0, labelled: 0, pointwise: 0, mapped: 0 };
  await fc.assert(
    fc.asyncProperty(configuration, async ({ sizes, ignored, ...config }) => {
      const { cropSize, longSide, seed, batchSize } = config;
      const pixels = cropSize ** 2;
      const samples = sizes.map((size, key) => writeSample(key, size));
      const { table, storedOf } = drawLabelMap(seed, ignored);
      const sides = { labelled: samples.slice(0, 2), unlabelled: samples.slice(2) };
      const loader = new TrainLoader({
        root,
        ...sides,
        ...config,
        labelMap: table,
        scaleBase: null,
        rank: 0,
        world: 1,
        workers: 0,
        startIteration: 0,
        iterations: 2,
      });
      const perEpoch = Math.floor(sides.unlabelled.length / batchSize);

      const checkLabelled = (id: string, image: Uint8Array, labels: Uint8Array): void => {
        const key = Number(id.replace('images/', ''));
        const length = sizes[key]![key % 2]!;
        const own = { width: sizes[key]![0], height: sizes[key]![1] };
        const seenFirst = longSide === null ? own : sizeForLongSide(own.width, own.height, longSide);
        const through = key % 2 === 0 ? seenFirst.width : seenFirst.height;
        // The random scale halves at most.
        const reach = reachOf(length, through, Math.max(1, Math.floor(through / 2)));
        for (let i = 0; i < pixels; i++) {
          const [red, green, blue] = image.subarray(3 * i, 3 * i + 3);
          const label = labels[i]!;
          if (blue === 0) {
            hold(red === 0 && green === 0 && label === IGNORE, `padding ${i} of ${id}: ${red}, ${green}, label ${label}`);
            seen.padded++;
            continue;
          }
          hold(blue === 255, `pixel ${i} of ${id} is half padding`);
          const value = key % 2 === 0 ? red! : green!;
          const stored = storedOf.get(label) ?? [];
          const off = Math.min(...stored.filter((from) => from < length).map((from) => Math.abs(value - 1 - 2 * from)));
          hold(off <= reach, `pixel ${i} of ${id}: ${value} and label ${label} are ${off} apart, allowed ${reach}`);
          seen.labelled++;
          if (label !== IGNORE) seen.mapped++;
        }
      };

      const checkStrong = (weak: Uint8Array, view: Uint8Array, keys: readonly (string | number)[]): void => {
        const drawn = drawStrong(random(...keys), { numAug: config.numAug });
        const expected = applyStrong({ width: cropSize, height: cropSize, data: weak.slice() }, drawn).data;
        expect(Buffer.compare(view, expected), keys.join()).toBe(0);
        if (!drawn.operations.every(({ name }) => POINTWISE.includes(name))) return;
        const colours = new Map<number, number>();
        for (let i = 0; i < pixels; i++) {
          const from = colourAt(weak, i);
          const to = colourAt(view, i);
          hold(to === (colours.get(from) ?? to), `pixel ${i} of ${keys.join()} is not what its colour becomes elsewhere`);
          colours.set(from, to);
        }
        seen.pointwise++;
      };

      const checkUnlabelled = (batch: UnlabelledBatch, stream: Stream, iteration: number, epoch: number): void => {
        for (let j = 0; j < batchSize; j++) {
          const weak = part(batch.weak, j, 3 * pixels);
          const ignore = part(batch.ignore, j, pixels);
          for (let i = 0; i < pixels; i++) {
            const [red, green, blue] = weak.subarray(3 * i, 3 * i + 3);
            const padding = ignore[i] === IGNORE && red === 0 && green === 0 && blue === 0;
            hold(padding || (ignore[i] === 0 && blue === 255), `pixel ${i}: ${red}, ${green}, ${blue}, ignore ${ignore[i]}`);
          }
          const position = (iteration % perEpoch) * batchSize + j;
          for (const [n, views] of [batch.strong1, batch.strong2].entries())
            checkStrong(weak, part(views, j, 3 * pixels), [seed, epoch, position, stream, `strong ${n + 1}`]);
          for (const boxes of [batch.boxes1, batch.boxes2]) {
            const [top, left, height, width] = part(boxes, j, 4);
            expect(Math.min(top!, left!, height!, width!)).toBeGreaterThanOrEqual(0);
            expect(Math.max(top! + height!, left! + width!)).toBeLessThanOrEqual(cropSize);
          }
        }
      };

      try {
        for (let iteration = 0; iteration < 2; iteration++) {
          const { labelled, unlabelled, mix, epoch, release } = await loader.next();
          for (const [j, id] of labelled.ids.entries())
            checkLabelled(id, part(labelled.images, j, 3 * pixels), part(labelled.labels, j, pixels));
          checkUnlabelled(unlabelled!, 'unlabelled', iteration, epoch);
          checkUnlabelled(mix!, 'mix', iteration, epoch);
          release();
        }
      } finally {
        await loader.close();
      }
    }),
    { numRuns: 60 },
  );
  // The property is about all of these; it must have met them.
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(20);
});

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { CLASSES, copyOf, GREYS, levelOf, optionsFor, writeFixture } from '../../../test/support/image-set.ts';
import { ConfigError, DataError } from '../../base/errors.ts';
import { type TrainBatch, TrainLoader, type TrainLoaderOptions, type UnlabelledBatch } from './train-loader.ts';

const fixture = writeFixture(11);
const broken = writeFixture(6);
afterAll(() => {
  for (const { root } of [fixture, broken]) rmSync(root, { recursive: true });
});

const open = new Set<TrainLoader>();
const load = (options: TrainLoaderOptions): TrainLoader => {
  const loader = new TrainLoader(options);
  open.add(loader);
  return loader;
};
afterEach(async () => {
  for (const loader of open) await loader.close();
  open.clear();
});

/** The next `count` batches, copied. */
async function take(options: TrainLoaderOptions, count: number): Promise<unknown[]> {
  const loader = load(options);
  const batches: unknown[] = [];
  for (let i = 0; i < count; i++) batches.push(copyOf(await loader.next()));
  await loader.close();
  return batches;
}

const part = (data: Uint8Array, index: number, bytes: number): Uint8Array => data.subarray(index * bytes, (index + 1) * bytes);
const numberOf = (id: string): number => Number(id.replace('images/', ''));

describe('TrainLoader', () => {
  it('gives the same batches with 0, 1 and 4 workers, and with or without a cache', async () => {
    const straight = await take(optionsFor(fixture, 3), 10);
    for (const workers of [1, 4]) expect(await take(optionsFor(fixture, 3, { workers }), 10)).toEqual(straight);
    expect(await take(optionsFor(fixture, 3, { workers: 2, cacheBytes: 0 }), 10)).toEqual(straight);
    expect(await take(optionsFor(fixture, 3, { cacheBytes: 9000 }), 10)).toEqual(straight);
  });

  it('gives pseudo-labelled images other colours and holes, labelled ones neither; one that stands twice is the same image', async () => {
    const pseudo = { ...fixture.samples[4]!, mask: join(fixture.root, fixture.samples[4]!.mask!), pseudo: true } as const;
    const labelled = [fixture.samples[1]!, fixture.samples[1]!, pseudo, pseudo];
    const loader = load(optionsFor(fixture, 0, { labelled, unlabelled: [], batchSize: 4, scaleBase: 60, longSide: null }));
    const seen = { changed: 0, holes: 0, pseudo: 0 };
    for (let iteration = 0; iteration < 12; iteration++) {
      const batch = await loader.next();
      const { ids, images, labels } = batch.labelled;
      expect(ids.toSorted()).toEqual(['images/1', 'images/1', 'images/4', 'images/4']);
      for (const [i, id] of ids.entries()) {
        const crop = part(images, i, 24 * 24 * 3);
        const ours = part(labels, i, 24 * 24);
        const level = levelOf(numberOf(id));
        // Scaled to a long side of 30 to 120 pixels, the crop has no padding below: every pixel is the image's.
        const grey = (k: number) => crop[3 * k] === crop[3 * k + 1] && crop[3 * k]! >= level && crop[3 * k]! < level + GREYS;
        const inside = Array.from({ length: 24 * 24 }, (_, k) => k).filter((k) => ours[k] === numberOf(id) % CLASSES);
        if (id === 'images/4') {
          seen.pseudo++;
          if (inside.length > 0 && !inside.every(grey)) seen.changed++;
          if (ours.some((label, k) => label === 255 && crop[3 * k] !== crop[3 * k + 1])) seen.holes++;
        } else expect(inside.every(grey)).toBe(true);
      }
      batch.release();
    }
    expect(seen.pseudo).toBe(24);
    // Colour jitter with 0.8, cutout with 0.5.
    expect(seen.changed).toBeGreaterThan(12);
    expect(seen.holes).toBeGreaterThan(5);
    expect(seen.holes).toBeLessThan(20);
  });

  it('continues anywhere as if it had never stopped', async () => {
    const straight = await take(optionsFor(fixture, 3), 10);
    for (const startIteration of [1, 4, 7]) {
      expect(await take(optionsFor(fixture, 3, { startIteration, workers: 1 }), 10 - startIteration)).toEqual(
        straight.slice(startIteration),
      );
    }
  });

  it('gives two processes with N what one process with 2N gets', async () => {
    const whole = load(optionsFor(fixture, 3, { batchSize: 4 }));
    const halves = [0, 1].map((rank) => load(optionsFor(fixture, 3, { rank, world: 2 })));
    const pixels = 24 * 24;
    for (let iteration = 0; iteration < 4; iteration++) {
      const one = await whole.next();
      const two = [await halves[0]!.next(), await halves[1]!.next()];
      for (let j = 0; j < 4; j++) {
        const half = two[j % 2]!;
        const index = Math.floor(j / 2);
        expect(half.labelled.ids[index]).toBe(one.labelled.ids[j]);
        expect(part(half.labelled.images, index, pixels * 3)).toEqual(part(one.labelled.images, j, pixels * 3));
        for (const stream of ['unlabelled', 'mix'] as const) {
          expect(half[stream]!.ids[index]).toBe(one[stream]!.ids[j]);
          expect(part(half[stream]!.strong2, index, pixels * 3)).toEqual(part(one[stream]!.strong2, j, pixels * 3));
        }
      }
      for (const batch of [one, ...two]) batch.release();
    }
  });

  it('cuts image, labels and padding alike', async () => {
    const loader = load(optionsFor(fixture, 5, { cropSize: 50 }));
    const pixels = 50 * 50;
    let padded = 0;
    const check = (id: string, image: Uint8Array, isPadding: (pixel: number) => boolean): void => {
      const level = levelOf(numberOf(id));
      for (let i = 0; i < pixels; i++) {
        const [low, high] = isPadding(i) ? [0, 0] : [level, level + GREYS];
        const colour = image.subarray(3 * i, 3 * i + 3);
        expect(
          colour.every((value) => value >= low! && value <= high!),
          `pixel ${i} of ${id}: ${colour.join()}`,
        ).toBe(true);
        if (isPadding(i)) padded++;
      }
    };
    for (let iteration = 0; iteration < 3; iteration++) {
      const { labelled, unlabelled, mix, release } = await loader.next();
      for (const [j, id] of labelled.ids.entries()) {
        const labels = part(labelled.labels, j, pixels);
        expect(new Set(labels)).toEqual(new Set(labels.includes(255) ? [numberOf(id) % CLASSES, 255] : [numberOf(id) % CLASSES]));
        check(id, part(labelled.images, j, pixels * 3), (i) => labels[i] === 255);
      }
      for (const batch of [unlabelled!, mix!]) {
        for (const [j, id] of batch.ids.entries()) {
          const ignore = part(batch.ignore, j, pixels);
          check(id, part(batch.weak, j, pixels * 3), (i) => ignore[i] === 255);
        }
      }
      release();
    }
    expect(padded).toBeGreaterThan(0);
  });

  it('fills batches of the shapes it promises, with boxes inside the crop', async () => {
    const loader = load(optionsFor(fixture, 3, { workers: 2, batchSize: 3, cropSize: 16 }));
    for (let i = 0; i < 8; i++) {
      const batch = await loader.next();
      expect([batch.iteration, batch.epoch, batch.batchSize, batch.cropSize]).toEqual([i, Math.floor(i / 2), 3, 16]);
      expect([batch.labelled.ids.length, batch.labelled.images.length, batch.labelled.labels.length]).toEqual([3, 3 * 768, 3 * 256]);
      for (const stream of [batch.unlabelled!, batch.mix!]) checkUnlabelled(stream);
      expect(batch.mix!.ids).toEqual(batch.unlabelled!.ids);
      expect(batch.mix!.weak).not.toEqual(batch.unlabelled!.weak);
      batch.release();
    }
  });

  function checkUnlabelled(batch: UnlabelledBatch): void {
    expect([batch.ids.length, batch.weak.length, batch.strong1.length, batch.strong2.length]).toEqual([3, 2304, 2304, 2304]);
    expect(batch.ignore.every((value) => value === 0 || value === 255)).toBe(true);
    for (const boxes of [batch.boxes1, batch.boxes2]) {
      expect(boxes.length).toBe(12);
      for (let j = 0; j < 3; j++) {
        const [top, left, height, width] = boxes.subarray(4 * j, 4 * j + 4);
        expect(Math.min(top!, left!, height!, width!)).toBeGreaterThanOrEqual(0);
        expect(Math.max(top! + height!, left! + width!)).toBeLessThanOrEqual(16);
      }
    }
  }

  it('brings images to the long side first', async () => {
    const loader = load(optionsFor(fixture, 11, { longSide: 8, cropSize: 16, batchSize: 11 }));
    const { labelled } = await loader.next();
    for (let j = 0; j < 11; j++) {
      const inside = part(labelled.labels, j, 256).filter((label) => label !== 255).length;
      expect(inside).toBeLessThanOrEqual(16 * 13);
      expect(inside).toBeGreaterThanOrEqual(4 * 2);
    }
  });

  it('gives labelled views alone where nothing is unlabelled', async () => {
    const batch = await load(optionsFor(fixture, 11)).next();
    expect(batch.labelled.ids.length).toBe(2);
    expect(batch.unlabelled).toBeUndefined();
    expect(batch.mix).toBeUndefined();
  });

  it('refuses lists that do not fill a batch', () => {
    expect(() => load(optionsFor(fixture, 3, { batchSize: 9 }))).toThrow(ConfigError);
  });

  it('wants a batch back before it gives a fourth, and nothing after the last or after close', async () => {
    const loader = load(optionsFor(fixture, 3, { workers: 1, iterations: 6 }));
    const batches: TrainBatch[] = [];
    for (let i = 0; i < 3; i++) batches.push(await loader.next());
    await expect(loader.next()).rejects.toThrow(/release/);
    const last = load(optionsFor(fixture, 3, { iterations: 1 }));
    (await last.next()).release();
    await expect(last.next()).rejects.toThrow(/iteration 1 of 1/);
    await last.close();
    await expect(last.next()).rejects.toThrow(/after close/);
  });

  it('ends a wait when it is closed', async () => {
    for (const workers of [0, 2]) {
      const loader = load(optionsFor(fixture, 3, { workers, cropSize: 400 }));
      const waiting = expect(loader.next()).rejects.toThrow(/closed/);
      const start = performance.now();
      await loader.close();
      await waiting;
      expect(performance.now() - start).toBeLessThan(5000);
    }
  });

  const maskOf = (width: number, height: number, label: number): Uint8Array =>
    encode({ width, height, data: new Uint8Array(width * height).fill(label), channels: 1, depth: 8 });

  it.each([
    ['a missing image', async () => rmSync(join(broken.root, 'images/0.png')), /images\/0\.png: cannot be read \(ENOENT/],
    [
      'a truncated JPEG',
      async () => {
        const jpeg = await sharp(new Uint8Array(40 * 30 * 3), { raw: { width: 40, height: 30, channels: 3 } })
          .jpeg()
          .toBuffer();
        writeFileSync(join(broken.root, 'images/0.png'), jpeg.subarray(0, jpeg.length / 2));
      },
      /images\/0\.png: is damaged or cut short/,
    ],
    [
      'a mask of another size',
      async () => {
        writeFileSync(
          join(broken.root, 'images/0.png'),
          encode({ width: 40, height: 30, data: new Uint8Array(3600), channels: 3, depth: 8 }),
        );
        writeFileSync(join(broken.root, 'masks/0.png'), maskOf(40, 31, 0));
      },
      /masks\/0\.png has 40 x 31 pixels, its image .*images\/0\.png has 40 x 30/,
    ],
    [
      'a label out of range',
      async () => writeFileSync(join(broken.root, 'masks/0.png'), maskOf(40, 30, CLASSES)),
      /masks\/0\.png: label 4 \(row 0, column 0\) is not allowed; allowed: 0\.\.3, 255; data\.label_map/,
    ],
  ])('passes a DataError on for %s, after the batches before it', async (_name, spoil, message) => {
    await spoil();
    let given: number | undefined;
    for (const workers of [0, 2]) {
      const loader = load(optionsFor(broken, 6, { workers, batchSize: 1 }));
      let count = 0;
      const run = async (): Promise<void> => {
        for (; ; count++) (await loader.next()).release();
      };
      const error: unknown = await run().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(DataError);
      expect((error as Error).message).toMatch(message);
      given ??= count;
      expect(count).toBe(given);
      await expect(loader.next()).rejects.toThrow(DataError);
    }
  });
});

import { rmSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { CLASSES, GREYS, levelOf, writeFixture } from '../../../test/support/image-set.ts';
import { DataError } from '../../base/errors.ts';
import { labelTable } from '../catalog/dataset.ts';
import { type EvalItem, EvalLoader } from './eval-loader.ts';
import { measureLoader } from './measure.ts';
import { allowedLabels, translateLabels } from './source.ts';

const { root, samples } = writeFixture(7);
afterAll(() => rmSync(root, { recursive: true }));
const labelMap = labelTable({ classes: Array.from({ length: CLASSES }, (_, i) => `class ${i}`) });

async function all(loader: EvalLoader): Promise<EvalItem[]> {
  const items: EvalItem[] = [];
  for await (const item of loader) items.push(item);
  return items;
}

describe('EvalLoader', () => {
  it('gives each image once, in order, labels at the original size', async () => {
    const items = await all(new EvalLoader({ root, samples, longSide: 20, labelMap }));
    expect(items.map(({ sample }) => sample)).toEqual(samples);
    for (const [k, item] of items.entries()) {
      const [width, height] = k % 2 === 0 ? [40 + k, 30] : [30, 40 + k];
      expect([item.originalWidth, item.originalHeight, item.labels!.width, item.labels!.height]).toEqual([width, height, width, height]);
      expect(new Set(item.labels!.data)).toEqual(new Set([k % CLASSES]));
      expect(Math.max(item.image.width, item.image.height)).toBe(20);
      expect(item.image.data.every((value) => value >= levelOf(k) && value < levelOf(k) + GREYS)).toBe(true);
    }
  });

  it('shares the images among processes, each counted once', async () => {
    const parts = await Promise.all(
      [0, 1, 2].map((rank) => all(new EvalLoader({ root, samples, longSide: null, labelMap, rank, world: 3 }))),
    );
    const ids = parts.flat().map(({ sample }) => sample.id);
    expect(ids.length).toBe(7);
    expect(new Set(ids)).toEqual(new Set(samples.map(({ id }) => id)));
  });

  it('reads no labels where there are none or none are wanted', async () => {
    for (const loader of [
      new EvalLoader({ root, samples, longSide: null }),
      new EvalLoader({ root, samples: samples.map(({ id, image }) => ({ id, image })), longSide: null, labelMap }),
    ]) {
      const items = await all(loader);
      expect(items.length).toBe(7);
      expect(items.every(({ labels }) => labels === undefined)).toBe(true);
    }
  });

  it('names an unusable file when its turn comes', async () => {
    const missing = [...samples.slice(0, 3), { id: 'x', image: 'images/x.png' }];
    const seen: string[] = [];
    const run = async (): Promise<void> => {
      for await (const { sample } of new EvalLoader({ root, samples: missing, longSide: null })) seen.push(sample.id);
    };
    const error: unknown = await run().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toContain('images/x.png');
    expect(seen.length).toBe(3);
  });
});

describe('labels', () => {
  it('are translated by the table, or refused with what is allowed', () => {
    const table = labelTable({ classes: ['a', 'b', 'c'], labelMap: { 11: 255, 7: 1 } });
    const map = { width: 2, height: 2, data: Uint8Array.of(0, 11, 7, 255) };
    expect(translateLabels(map, table, 'm.png')).toEqual({ width: 2, height: 2, data: Uint8Array.of(0, 255, 1, 255) });
    expect(allowedLabels(table)).toBe('0..2, 255, 7 -> 1, 11 -> 255');
    expect(() => translateLabels({ width: 2, height: 2, data: Uint8Array.of(0, 1, 2, 3) }, table, 'm.png')).toThrow(
      /m\.png: label 3 \(row 1, column 1\)/,
    );
    expect(() => translateLabels({ width: 1, height: 1, data: Uint8Array.of(254) }, table, 'm.png')).toThrow(DataError);
  });
});

describe('measureLoader', () => {
  it('counts whole batches over at least the time it was given', async () => {
    const speed = await measureLoader({ root, samples, cropSize: 16, workers: 0 }, 0.1);
    expect(speed.seconds).toBeGreaterThanOrEqual(0.1);
    expect(speed.samples % 4).toBe(0);
    expect(speed.samplesPerSecond).toBeCloseTo(speed.samples / speed.seconds, 9);
  });
});

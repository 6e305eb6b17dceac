import { rmSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { copyOf, optionsFor, writeFixture } from '../../../test/support/image-set.ts';
import { StagedLoader } from './staged-loader.ts';
import { TrainLoader } from './train-loader.ts';

const fixture = writeFixture(11);
afterAll(() => rmSync(fixture.root, { recursive: true }));

it.each([0, 1])("gives each stage's batches, from any iteration on, with %i workers", async (workers) => {
  const whole = { ...optionsFor(fixture, 6, { workers }), iterations: 6 };
  const first = { ...whole, unlabelled: [], batchSize: 4, iterations: 2 };
  const expected: unknown[] = [];
  for (const options of [
    { ...first, startIteration: 0 },
    { ...whole, startIteration: 2 },
  ]) {
    const loader = new TrainLoader(options);
    for (let k = options.startIteration; k < options.iterations; k++) {
      const batch = await loader.next();
      // Five iterations an epoch, by the longer list of the second stage.
      expected.push(copyOf({ ...batch, epoch: Math.floor(k / 5) }));
    }
    await loader.close();
  }
  for (const start of [0, 1, 2, 3]) {
    const loader = new StagedLoader([first, whole], start, 5);
    const found: unknown[] = [];
    for (let k = start; k < 6; k++) {
      const batch = await loader.next();
      expect([batch.iteration, batch.unlabelled === undefined]).toEqual([k, k < 2]);
      found.push(copyOf(batch));
    }
    await expect(loader.next()).rejects.toThrow('iteration 6 was asked for after the last');
    await loader.close();
    expect(found).toEqual(expected.slice(start));
  }
});

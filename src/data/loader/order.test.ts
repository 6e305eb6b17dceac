import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.ts';
import { countIterations, iterationsPerEpoch, type OrderOptions, type Place, SampleOrder } from './order.ts';

const base: OrderOptions = { labelled: 3, unlabelled: 12, batchSize: 2, rank: 0, world: 1, seed: 5, cutmixPartner: 'same' };
const samples = (places: readonly Place[], stream: number): number[] =>
  places.filter((p) => p.stream === stream).map(({ sample }) => sample);
/** All places of one epoch. */
const epochOf = (options: OrderOptions, epoch: number): Place[] => {
  const order = new SampleOrder(options);
  const count = order.iterationsPerEpoch;
  return Array.from({ length: count }, (_, i) => order.places(epoch * count + i)).flat();
};
const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);

describe('SampleOrder', () => {
  it('passes over the unlabelled images once an epoch, over the labelled ones as evenly as can be', () => {
    for (const epoch of [0, 1, 7]) {
      const places = epochOf(base, epoch);
      expect(sorted(samples(places, 1))).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
      expect(sorted(samples(places, 0))).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    }
  });

  it('shuffles anew in every epoch and for every seed, the labelled order independently', () => {
    const unlabelled = (options: OrderOptions, epoch: number): number[] => samples(epochOf(options, epoch), 1);
    expect(unlabelled(base, 0)).not.toEqual(unlabelled(base, 1));
    expect(unlabelled(base, 0)).not.toEqual(unlabelled({ ...base, seed: 6 }, 0));
    const equal = { ...base, labelled: 12 };
    expect(samples(epochOf(equal, 0), 0)).not.toEqual(samples(epochOf(equal, 0), 1).map((sample) => sample - 12));
  });

  it('mixes each image with itself as published, or with another order', () => {
    const same = epochOf(base, 2);
    expect(samples(same, 2)).toEqual(samples(same, 1));
    const other = epochOf({ ...base, cutmixPartner: 'other' }, 2);
    expect(samples(other, 1)).toEqual(samples(same, 1));
    expect(samples(other, 2)).not.toEqual(samples(other, 1));
    expect(sorted(samples(other, 2))).toEqual(sorted(samples(other, 1)));
  });

  it('repeats the unlabelled list where the labelled one is longer', () => {
    const places = epochOf({ ...base, labelled: 8, unlabelled: 2 }, 0);
    expect(sorted(samples(places, 0))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(sorted(samples(places, 1))).toEqual([8, 8, 8, 8, 9, 9, 9, 9]);
  });

  it('passes over the labelled list alone where nothing is unlabelled', () => {
    const options = { ...base, labelled: 6, unlabelled: 0 };
    expect(new SampleOrder(options).streams).toEqual([0]);
    expect(sorted(samples(epochOf(options, 0), 0))).toEqual([0, 1, 2, 3, 4, 5]);
  });

  const lists = { labelled: fc.integer({ min: 1, max: 30 }), unlabelled: fc.integer({ min: 0, max: 30 }), seed: fc.nat(1000) };

  it('gives P processes with N the batches of one process with P x N', async () => {
    const cases = fc.record({ ...lists, world: fc.integer({ min: 2, max: 4 }), batchSize: fc.integer({ min: 1, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(cases, async ({ world, batchSize, ...lengths }) => {
        const options = { ...base, ...lengths };
        const one = new SampleOrder({ ...options, batchSize: batchSize * world });
        if (
          one.iterationsPerEpoch === 0 ||
          one.iterationsPerEpoch !== countIterations(lengths.labelled, lengths.unlabelled, world, batchSize)
        )
          return;
        const ranks = Array.from({ length: world }, (_, rank) => new SampleOrder({ ...options, batchSize, world, rank }));
        for (const iteration of [0, one.iterationsPerEpoch, 2 * one.iterationsPerEpoch + 1]) {
          const byPlace = (a: Place, b: Place): number => a.stream - b.stream || a.position - b.position;
          expect(ranks.flatMap((order) => order.places(iteration)).sort(byPlace)).toEqual(one.places(iteration));
        }
      }),
    );
  });

  it('partitions the positions of an epoch among the processes', async () => {
    const cases = fc.record({ ...lists, world: fc.integer({ min: 1, max: 4 }), batchSize: fc.integer({ min: 1, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(cases, async ({ world, ...options }) => {
        const positions = Array.from({ length: world }, (_, rank) => epochOf({ ...base, ...options, world, rank }, 1))
          .flat()
          .filter(({ stream }) => stream === 0)
          .map(({ position }) => position);
        expect(sorted(positions)).toEqual(Array.from({ length: positions.length }, (_, i) => i));
        const length = Math.max(options.labelled, options.unlabelled);
        expect(positions.length).toBe(Math.floor(Math.ceil(length / world) / options.batchSize) * options.batchSize * world);
      }),
    );
  });

  it('does not depend on what was asked before', () => {
    const order = new SampleOrder(base);
    const straight = Array.from({ length: 18 }, (_, i) => order.places(i));
    for (const i of [17, 3, 11, 0]) expect(new SampleOrder(base).places(i)).toEqual(straight[i]);
    expect(order.places(4)).toEqual(straight[4]);
  });
});

describe('iterationsPerEpoch', () => {
  const list = (length: number) => ({ length });

  it.each([
    [46, 321, 1, 4, 80],
    [46, 321, 2, 4, 40],
    [46, 321, 4, 2, 40],
    [662, 9920, 4, 2, 1240],
    [10, 0, 1, 3, 3],
    [9, 4, 2, 5, 1],
  ])('%i labelled, %i unlabelled, %i processes of %i: %i', (labelled, unlabelled, world, batchSize, iterations) => {
    expect(iterationsPerEpoch({ labelled: list(labelled), unlabelled: list(unlabelled), world, batchSize })).toBe(iterations);
  });

  it('refuses lists too short for one batch, with the remedy', () => {
    const short = () => iterationsPerEpoch({ labelled: list(3), unlabelled: list(6), world: 2, batchSize: 4 });
    expect(short).toThrow(ConfigError);
    expect(short).toThrow(
      /3 labelled and 6 unlabelled images are too few for one batch of 4 on each of 2 processes; set train\.batch_size to at most 3/,
    );
  });
});

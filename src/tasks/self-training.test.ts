import { describe, expect, it } from 'vitest';
import { parseConfig } from '../config/load.ts';
import type { Sample } from '../data/types.ts';
import { roundsOf } from './self-training.ts';

const samples = (name: string, count: number): Sample[] =>
  Array.from({ length: count }, (_, k) => ({ id: `${name}${k}`, image: `${name}${k}.jpg` }));

/** The rounds of ST++ on so many images; loaders of one process. */
function rounds(labelled: number, unlabelled: number, train: string) {
  const config = parseConfig(
    `{ method: stpp, seed: 4, model: { backbone: resnet10 }, data: { dataset: folder, root: /, split: x, crop_size: 33, classes: [a, b] }, train: { batch_size: 1, lr: 0.1, ${train} } }`,
    'rounds',
  );
  const split = {
    labelled: samples('l', labelled),
    unlabelled: samples('u', unlabelled),
    val: [],
    files: { labelled: '', val: '' },
    listed: false,
  };
  const plan = { config, split, loading: { world: 1 } } as unknown as Parameters<typeof roundsOf>[0];
  return roundsOf(plan, ['reliable', 'all']);
}

describe('rounds of self-training (SPEC section 8b)', () => {
  it('double a short labelled list, and repeat it as often as it goes into the pseudo-labelled ones', () => {
    const phases = rounds(3, 7, 'epochs: 2');
    const counts = phases.map((phase) => {
      const ids = phase.samples.labelled.map(({ id }) => id[0]);
      return [ids.filter((id) => id === 'l').length, ids.filter((id) => id === 'u').length];
    });
    // Round 2: ceil(3 / 3) and floor(7 / 2); round 3: ceil(7 / 3).
    expect(counts).toEqual([
      [6, 0],
      [3, 3],
      [9, 7],
    ]);
    // Two epochs of batches of two.
    expect(phases.map(({ iterations, first }) => [first, iterations])).toEqual([
      [0, 6],
      [6, 6],
      [12, 16],
    ]);
    expect(rounds(199, 2, 'epochs: 1')[0]!.samples.labelled).toHaveLength(398);
    expect(rounds(200, 2, 'epochs: 1')[0]!.samples.labelled).toHaveLength(200);
  });

  it('have as many iterations each as the configuration says, and a fresh network each', () => {
    const phases = rounds(3, 7, 'iterations: 5');
    expect(phases.map(({ iterations, first, round }) => [round, first, iterations])).toEqual([
      [1, 0, 5],
      [2, 5, 5],
      [3, 10, 5],
    ]);
    expect(phases[0]!.seed).toBe(4);
    expect(new Set(phases.map(({ seed }) => seed)).size).toBe(3);
  });
});

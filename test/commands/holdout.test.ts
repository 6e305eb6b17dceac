/** data.holdout: the best weights are chosen by labelled images that are not learnt from. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { loadSplit } from '../../src/data/lists.ts';
import type { EvalEvent } from '../../src/runs/events.ts';
import { RunFolder } from '../../src/runs/folder.ts';
import { holdOut } from '../../src/tasks/holdout.ts';
import { datasetOf } from '../../src/tasks/shared.ts';
import { dssn } from './command.ts';
import { type Photographs, writePhotographs } from './pictures.ts';

let set: Photographs;
beforeAll(async () => {
  set = await writePhotographs();
});
afterAll(() => rmSync(set.root, { recursive: true }));

const divide = async (holdout: number, seed = 3) => {
  const config = loadConfig(set.config, [`data.holdout=${holdout}`, `seed=${seed}`]);
  const { dataset, labelMap } = datasetOf(config);
  const { labelled } = loadSplit(dataset, config.data.root, 'few');
  const divided = await holdOut(config, labelled, dataset.classes.length, labelMap);
  return {
    ids: labelled.map(({ id }) => id),
    labelled: divided.labelled.map(({ id }) => id),
    heldOut: divided.heldOut.map(({ id }) => id),
  };
};

describe('a labelled hold-out', () => {
  it('divides the labelled images, by the seed', async () => {
    const { ids, labelled, heldOut } = await divide(2);
    expect(heldOut).toHaveLength(2);
    expect([...labelled, ...heldOut].sort()).toEqual([...ids].sort());
    expect(await divide(2)).toEqual({ ids, labelled, heldOut });
    const others = await Promise.all([4, 5, 6, 7].map((seed) => divide(2, seed)));
    expect(others.some((other) => other.heldOut.join() !== heldOut.join())).toBe(true);
    expect((await divide(0)).labelled).toEqual(ids);
    await expect(divide(6)).rejects.toThrow('data.holdout: 6 of 6 labelled images would leave none to learn from; allowed: at most 5');
  });

  it('chooses the best of a run, and the validation list tells how good that is; after a stop as without one', async () => {
    const run = join(set.root, 'run');
    const settings = [
      'data.holdout=2',
      'train.iterations=6',
      'train.eval_every=2',
      'train.checkpoint_every=1',
      'method=supervised',
      'train.lr=0.05',
    ];
    const command = ['train', '--config', set.config, '--out', run, '--json', ...settings.flatMap((setting) => ['--set', setting])];
    const { code, stdout, stderr } = await dssn(...command);
    expect([code, stderr.includes('finished')]).toEqual([0, false]);
    const folder = RunFolder.open(run);
    const evaluations = folder.events().flatMap((event) => (event.type === 'eval' ? [event as EvalEvent] : []));
    expect(evaluations).toHaveLength(3);
    const result = JSON.parse(stdout) as Record<'student' | 'teacher', { last: number; best: number }>;
    for (const who of ['student', 'teacher'] as const) {
      const most = Math.max(...evaluations.map(({ holdout }) => holdout![who]));
      const chosen = evaluations.find(({ holdout }) => holdout![who] === most)!;
      expect(result[who]).toEqual({ last: evaluations[2]![who]!.miou, best: chosen[who]!.miou });
      expect(folder.weights(who === 'student' ? 'best' : 'teacher-best')?.mark).toMatchObject({
        iteration: chosen.iteration,
        values: { miou: chosen[who]!.miou, holdout: most },
      });
    }
    // The images held out are in no batch.
    const { heldOut } = await divide(2);
    const skipping = join(set.root, 'skipping');
    await dssn(
      'train',
      '--config',
      set.config,
      '--out',
      skipping,
      ...settings.flatMap((s) => ['--set', s]),
      '--set',
      'train.lr=1e30',
      '--set',
      'train.max_skipped=9',
      '--set',
      'train.iterations=9',
    );
    const seen = new Set(
      RunFolder.open(skipping)
        .events()
        .flatMap((event) => (event.type === 'skip' ? event.images : [])),
    );
    expect(seen.size).toBe(4);
    for (const id of heldOut) expect(seen.has(id)).toBe(false);
  });
});

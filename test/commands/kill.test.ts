/**
 * Kills trainings with SIGKILL at random moments: while they start, step, evaluate and write. DSSN_KILLS says how often; a few
 * times in `npm test`, 50 in `npm run test:soak`.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { random } from '../../src/base/random.ts';
import { readEvents } from '../../src/runs/events.ts';
import { RunFolder } from '../../src/runs/folder.ts';
import { findWeights, verifyWeights } from '../../src/runs/weights.ts';
import { dssn, start } from './command.ts';
import { type Photographs, writePhotographs } from './pictures.ts';
import { expectSameRun } from './same-run.ts';

const kills = Number(process.env.DSSN_KILLS ?? 5);

let set: Photographs;
beforeAll(async () => {
  set = await writePhotographs();
});
afterAll(() => rmSync(set.root, { recursive: true }));

const command = (run: string): string[] => [
  ...['train', '--config', set.config, '--out', run, '--resume'],
  ...[
    'model.backbone=resnet10',
    'model.decoder_channels=8',
    'train.iterations=12',
    'train.eval_every=4',
    'train.checkpoint_every=1',
  ].flatMap((setting) => ['--set', setting]),
];

/** The iteration of the last checkpoint, every byte of which is as it was written; 0 where there is none. */
function lastWhole(run: string): number {
  const found = findWeights(run, 'latest');
  if (found) verifyWeights(found);
  return found?.mark.iteration ?? 0;
}

/** Milliseconds until a kill: from the start of the process, or from the first thing that it writes. */
function moment(kill: number): { fromWriting: boolean; delay: number } {
  const stream = random('kill', kill);
  const fromWriting = stream.chance(0.7);
  return { fromWriting, delay: stream.integer(0, fromWriting ? 1500 : 2500) };
}

async function untilWriting(run: string, done: number, ended: () => boolean): Promise<void> {
  const file = join(run, 'events.jsonl');
  while (!ended() && !readEvents(file).some(({ type, iteration }) => type === 'train' && iteration > done)) await wait(5);
}

describe(`kill -9, ${kills} times at random moments`, () => {
  it('never loses the last complete checkpoint, and every run ends in the same bits', { timeout: 60_000 + kills * 60_000 }, async () => {
    const straight = join(set.root, 'straight');
    expect((await dssn(...command(straight))).code).toBe(0);
    let [done, runs, killed] = [0, 0, 0];
    let run = join(set.root, 'run-0');
    while (killed < kills || done > 0) {
      const { process, ended } = start(...command(run));
      if (killed < kills) {
        const { fromWriting, delay } = moment(killed);
        if (fromWriting) await untilWriting(run, done, () => process.exitCode !== null);
        await Promise.race([wait(delay), ended]);
        process.kill('SIGKILL');
      }
      const { code, stderr } = await ended;
      if (code === null) {
        killed++;
        const now = lastWhole(run);
        expect(now, `after kill ${killed}`).toBeGreaterThanOrEqual(done);
        // What was logged as saved is there.
        const saved = readEvents(join(run, 'events.jsonl')).filter((event) => event.type === 'checkpoint' && event.kind === 'latest');
        expect(now).toBeGreaterThanOrEqual(saved.at(-1)?.iteration ?? 0);
        done = now;
        continue;
      }
      expect([code, stderr]).toEqual([0, '']);
      expect(RunFolder.open(run).manifest?.status).toBe('finished');
      expectSameRun(run, straight);
      rmSync(run, { recursive: true });
      run = join(set.root, `run-${++runs}`);
      done = 0;
    }
    expect(killed).toBe(kills);
  });
});

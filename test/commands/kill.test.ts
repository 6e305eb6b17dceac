/**
 * Kills trainings with SIGKILL at random moments: while they start, step, evaluate and write. DSSN_KILLS says how often; a few
 * times in `npm test`, 50 in `npm run test:soak`.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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

const allKills = Number(process.env.DSSN_KILLS ?? 5);
/** Self-training writes more kinds of things, and labels between its rounds. */
const killsOf: Record<Killed, number> = { dssn: Math.ceil(0.6 * allKills), stpp: Math.floor(0.4 * allKills) };

let set: Photographs;
beforeAll(async () => {
  set = await writePhotographs();
});
afterAll(() => rmSync(set.root, { recursive: true }));

/** Twelve steps in all. */
const lengths = { dssn: ['train.iterations=12', 'train.eval_every=4'], stpp: ['train.iterations=4', 'train.eval_every=2'] } as const;
type Killed = keyof typeof lengths;

const command = (run: string, method: Killed): string[] => [
  ...['train', '--config', set.config, '--out', run, '--resume'],
  ...[`method=${method}`, ...lengths[method], 'model.backbone=resnet10', 'model.decoder_channels=8', 'train.checkpoint_every=1'].flatMap(
    (setting) => ['--set', setting],
  ),
];

/** The iteration of the last checkpoint, every byte of which is as it was written; 0 where there is none. */
function lastWhole(run: string): number {
  const found = findWeights(run, 'latest');
  if (found) verifyWeights(found);
  return found?.mark.iteration ?? 0;
}

/** Milliseconds until a kill: from the start of the process, or from the first thing that it writes. */
function moment(method: Killed, kill: number): { fromWriting: boolean; delay: number } {
  const stream = random('kill', method, kill);
  const fromWriting = stream.chance(0.7);
  return { fromWriting, delay: stream.integer(0, fromWriting ? 1500 : 2500) };
}

async function untilWriting(run: string, done: number, ended: () => boolean): Promise<void> {
  const file = join(run, 'events.jsonl');
  while (!ended() && !readEvents(file).some(({ type, iteration }) => type === 'train' && iteration > done)) await wait(5);
}

/** The pseudo-labels, and how reliable they are, by name. */
function labelsOf(run: string): Record<string, Buffer> {
  const folder = join(run, 'pseudo-labels');
  if (!existsSync(folder)) return {};
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(png|json)$/.test(name));
  return Object.fromEntries(files.sort().map((name) => [name, readFileSync(join(folder, name))]));
}

describe.each(['dssn', 'stpp'] as const)(`kill -9, ${allKills} times in all at random moments: %s`, (method) => {
  const kills = killsOf[method];

  it('never loses the last complete checkpoint, and every run ends in the same bits', { timeout: 60_000 + kills * 60_000 }, async () => {
    const straight = join(set.root, `${method}-straight`);
    expect((await dssn(...command(straight, method))).code).toBe(0);
    expect(Object.keys(labelsOf(straight))).toHaveLength(method === 'stpp' ? 9 : 0);
    let [done, runs, killed] = [0, 0, 0];
    let run = join(set.root, `${method}-0`);
    while (killed < kills || done > 0) {
      const { process, ended } = start(...command(run, method));
      if (killed < kills) {
        const { fromWriting, delay } = moment(method, killed);
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
      expect(labelsOf(run)).toEqual(labelsOf(straight));
      rmSync(run, { recursive: true });
      run = join(set.root, `${method}-${++runs}`);
      done = 0;
    }
    expect(killed).toBe(kills);
  });
});

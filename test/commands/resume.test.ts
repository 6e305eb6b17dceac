import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { readEvents } from '../../src/runs/events.ts';
import { RunFolder } from '../../src/runs/folder.ts';
import { train } from '../../src/tasks/train.ts';
import type { Progress, Reporter } from '../../src/tasks/types.ts';
import { dssn, type Ended, type Running, start } from './command.ts';
import { type Photographs, writePhotographs } from './pictures.ts';

/**
 * The straight run is the measure: every other run of this file has its seed and settings, another number of workers, and an
 * interruption of its own; all must end in the same bits.
 */
let set: Photographs;
let straight: string;
beforeAll(async () => {
  set = await writePhotographs();
  straight = join(set.root, 'straight');
  expect((await dssn(...command(straight, 1))).code).toBe(0);
});
afterAll(() => rmSync(set.root, { recursive: true }));

const command = (run: string, workers: number, ...more: string[]): string[] => [
  ...['train', '--config', set.config, '--out', run, '--set', 'train.iterations=8', '--set', 'train.eval_every=8'],
  // Three iterations of eight, so that runs go on over its end; stops at its very end are in staged-loader.test.ts.
  ...['--set', 'train.burn_in=0.4', '--set', `data.workers=${workers}`, ...more],
];

/** The bytes of a run's last weights. */
const bytesOf = (run: string): Record<string, Buffer> =>
  Object.fromEntries(['student', 'teacher', 'optimiser'].map((who) => [who, readFileSync(join(run, `latest/${who}.safetensors`))]));

const timeFields = ['time', 'seconds', 'iterations_per_s', 'images_per_s'];

/** What happened, without times, and without the checkpoints in latest/: an interruption makes one more. */
function storyOf(run: string): object[] {
  const events = RunFolder.open(run)
    .events()
    .filter((event) => event.type !== 'checkpoint' || event.kind !== 'latest');
  return events.map((event) => Object.fromEntries(Object.entries(event).filter(([name]) => !timeFields.includes(name))));
}

/** Fails when two runs differ in a bit of their weights or in an event. */
function expectSameRun(run: string, other: string): void {
  const weights = bytesOf(other);
  for (const [who, bytes] of Object.entries(bytesOf(run))) expect(bytes.equals(weights[who]!), `${who} of ${run}`).toBe(true);
  expect(storyOf(run)).toEqual(storyOf(other));
}

/** Waits until the run has logged an iteration beyond this one. */
async function untilBeyond(iteration: number, run: string, { process }: Running): Promise<void> {
  const events = join(run, 'events.jsonl');
  while (readEvents(events).every((event) => event.type === 'end' || event.iteration <= iteration)) {
    expect(process.exitCode, 'the run ended too early').toBe(null);
    await wait(10);
  }
}

const sessionsOf = (run: string) => RunFolder.open(run).manifest!.sessions.map(({ from, to, status }) => ({ from, to, status }));

describe('a run that is stopped', () => {
  it('by SIGTERM, by SIGINT and by kill -9 becomes by --resume the run that was never stopped', async () => {
    const run = join(set.root, 'stopped');
    let from = 0;
    for (const [signal, code, workers] of [
      ['SIGTERM', 143, 2],
      ['SIGINT', 130, 0],
    ] as const) {
      // The first time there is no checkpoint yet: --resume starts anew.
      const running = start(...command(run, workers, '--resume', '--json'));
      await untilBeyond(from, run, running);
      running.process.kill(signal);
      const stopped = await running.ended;
      const { status, iterations } = JSON.parse(stopped.stdout) as { status: string; iterations: number };
      expect([stopped.code, status]).toEqual([code, 'interrupted']);
      expect(stopped.stderr).toContain(`${signal}: stopping after this step, with a checkpoint`);
      expect(RunFolder.open(run).weights('latest')?.mark.iteration).toBe(iterations);
      expect(sessionsOf(run).at(-1)).toEqual({ from, to: iterations, status: 'interrupted' });
      expect(iterations).toBeGreaterThan(from);
      from = iterations;
    }
    const killed = start(...command(run, 1, '--resume'));
    await untilBeyond(from, run, killed);
    killed.process.kill('SIGKILL');
    await killed.ended;
    expect(sessionsOf(run).at(-1)).toEqual({ from, to: undefined, status: 'running' });

    const finished = await dssn(...command(run, 1, '--resume'));
    expect([finished.code, finished.stderr]).toEqual([0, '']);
    expect(finished.stdout).toMatch(/^finished 8 iterations of dssn$/m);
    expect(sessionsOf(run).slice(2)).toEqual([
      { from, to: undefined, status: 'failed' },
      { from, to: 8, status: 'finished' },
    ]);
    expectSameRun(run, straight);
  });

  it('in the middle of its last evaluation evaluates after --resume', async () => {
    const run = join(set.root, 'evaluating');
    const config = loadConfig(set.config, ['train.iterations=8', 'train.eval_every=8', 'train.burn_in=0.4', 'data.workers=0']);
    const stop = new AbortController();
    const reporter = reporterOf(({ iteration }) => {
      if (iteration === 8) stop.abort();
    });
    const options = { config, out: run, command: [], reporter };
    const stopped = await train({ ...options, resume: false, signal: stop.signal });
    expect([stopped.status, stopped.iterations, RunFolder.open(run).manifest?.status]).toEqual(['interrupted', 8, 'interrupted']);
    const finished = await train({ ...options, resume: true });
    expect([finished.status, finished.student?.last]).toEqual(['finished', lastScoreOf(straight)]);
    expectSameRun(run, straight);
  });
});

function reporterOf(update: (progress: Progress) => void): Reporter {
  const nothing = (): void => {};
  return { start: nothing, update, end: nothing, note: nothing, warning: nothing, table: nothing };
}

function lastScoreOf(run: string): number | undefined {
  const event = RunFolder.open(run)
    .events()
    .findLast(({ type }) => type === 'eval');
  return event?.type === 'eval' ? event.student.miou : undefined;
}

describe('a run that came to its end', () => {
  const unchanged = async (...args: string[]): Promise<Ended> => {
    const files = ['config.json', 'manifest.json', 'events.jsonl'].map((name) => join(straight, name));
    const before = files.map((file) => readFileSync(file, 'utf8'));
    const ended = await dssn(...args);
    expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(before);
    return ended;
  };

  it('says so to --resume and ends with 0', async () => {
    const { code, stdout, stderr } = await unchanged(...command(straight, 1, '--resume'));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/straight is finished already: 8 iterations of dssn\nnext: dssn evaluate --run /);
  });

  it('is not written over without --resume', async () => {
    const { code, stderr } = await unchanged(...command(straight, 1));
    expect([code, stderr]).toEqual([
      2,
      `error: ${straight}: holds a checkpoint already; add --resume to go on from it, or give another --out\n`,
    ]);
  });

  it('does not go on as another run', async () => {
    const { code, stderr } = await unchanged(...command(straight, 1, '--resume', '--set', 'seed=4', '--set', 'data.classes=[a, b, c]'));
    expect(code).toBe(2);
    expect(stderr).toBe(
      `error: ${straight}: cannot go on with another configuration than the run began with\n  seed: 3 in the run, 4 now\n  data.classes: ["ground","sky","block"] in the run, ["a","b","c"] now\n`,
    );
  });
});

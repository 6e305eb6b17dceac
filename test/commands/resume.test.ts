import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { readEvents } from '../../src/runs/events.ts';
import { RunFolder } from '../../src/runs/folder.ts';
import { train } from '../../src/tasks/train.ts';
import { silentReporter } from '../../src/cli/progress.ts';
import type { Reporter } from '../../src/tasks/types.ts';
import { dssn, type Ended, type Running, start } from './command.ts';
import { type Photographs, writePhotographs } from './pictures.ts';
import { expectSameRun } from './same-run.ts';

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
    const reporter = reporterOf({
      update: ({ iteration }) => {
        if (iteration === 8) stop.abort();
      },
    });
    const options = { config, out: run, command: [], reporter };
    const stopped = await train({ ...options, resume: false, signal: stop.signal });
    expect([stopped.status, stopped.iterations, RunFolder.open(run).manifest?.status]).toEqual(['interrupted', 8, 'interrupted']);
    const finished = await train({ ...options, resume: true });
    expect([finished.status, finished.student?.last]).toEqual(['finished', lastScoreOf(straight)]);
    expectSameRun(run, straight);
  });

  it.each([1, 2])(
    'twice in an epoch, at its border and after an evaluation ends in the same bits, %i batches an iteration',
    async (accumulate) => {
      const config = (workers: number) =>
        loadConfig(set.config, [
          ...['train.iterations=10', 'train.eval_every=6', 'train.burn_in=0.1', 'model.backbone=resnet10', 'model.decoder_channels=8'],
          ...['data.long_side=40', `train.accumulate=${accumulate}`, `data.workers=${workers}`],
        ]);
      const [whole, run] = [`whole-${accumulate}`, `again-${accumulate}`].map((name) => join(set.root, name)) as [string, string];
      await train({ config: config(0), out: whole, command: [], reporter: reporterOf({}), resume: false });
      const seen: (number | undefined)[] = [];
      // An epoch has four iterations, or two where each takes two batches.
      const stops = [1, 3, 4, { afterEvaluation: 6 }, 7] as const;
      for (const [index, stop] of stops.entries()) {
        const controller = new AbortController();
        const reporter = reporterOf({
          update: ({ iteration }) => {
            if (typeof stop === 'number' && iteration >= stop) controller.abort();
          },
          note: (text) => {
            if (typeof stop === 'object' && text.startsWith(`iteration ${stop.afterEvaluation}: mIoU`)) controller.abort();
          },
        });
        const options = { config: config(index % 3), out: run, command: [], reporter, resume: true, signal: controller.signal };
        const stopped = await train(options);
        expect(stopped.status).toBe('interrupted');
        seen.push(stopped.iterations);
      }
      expect(seen).toEqual([1, 3, 4, 6, 7]);
      const last = await train({ config: config(2), out: run, command: [], reporter: reporterOf({}), resume: true });
      expect(last.status).toBe('finished');
      expectSameRun(run, whole);
    },
  );
});

function reporterOf(some: Partial<Reporter>): Reporter {
  return { ...silentReporter, ...some };
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
      `error: ${straight}: cannot go on with another configuration than the run began with\n  seed: 3 in the run, 4 now\n  data.classes: ["ground","sky","block"] in the run, ["a","b","c"] now\nallow it with --allow-config-change seed --allow-config-change data.classes, or give another --out\n`,
    );
  });
});

describe('a run whose last checkpoint a disk has spoilt', () => {
  it('has not finished, though it had, and is not evaluated by other weights than it has chosen', async () => {
    const run = join(set.root, 'spoilt-later');
    expect((await dssn(...command(run, 1, '--set', 'train.checkpoint_every=2'))).code).toBe(0);
    for (const file of ['latest/teacher.safetensors', 'teacher-best/teacher.safetensors']) truncateSync(join(run, file), 500);
    const evaluated = await dssn('evaluate', '--run', run);
    expect([evaluated.code, evaluated.stderr]).toEqual([
      1,
      expect.stringContaining(`${join(run, 'teacher-best')}: is damaged: a file is missing`),
    ]);
    const other = await dssn('evaluate', '--run', run, '--weights', 'best', '--json');
    expect(other.code, other.stderr).toBe(0);
    rmSync(join(run, 'teacher-best'), { recursive: true });
    const resumed = await dssn(...command(run, 1, '--resume'));
    expect([resumed.code, resumed.stderr]).toEqual([0, '']);
    expect(resumed.stdout).toContain(`${join(run, 'latest')}.damaged, and the run goes on from iteration 6\n`);
    expectSameRun(run, straight);
  });

  it('goes on from the one before it, says so, and ends in the same bits', async () => {
    const run = join(set.root, 'spoilt');
    expect((await dssn(...command(run, 1, '--set', 'train.checkpoint_every=2'))).code).toBe(0);
    const file = join(run, 'latest/optimiser.safetensors');
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
    rmSync(join(run, 'manifest.json'));
    const resumed = await dssn(...command(run, 1, '--resume'));
    expect([resumed.code, resumed.stderr]).toEqual([0, '']);
    expect(resumed.stdout).toContain(
      `warning: ${file}: is damaged: its content is not what its checkpoint.json has the checksum of; it is kept as ${join(run, 'latest')}.damaged, and the run goes on from iteration 6\n`,
    );
    expect(readFileSync(join(run, 'latest.damaged/optimiser.safetensors')).equals(bytes)).toBe(true);
    expectSameRun(run, straight);
  });
});

describe('a run that is to go on with another configuration', () => {
  const few = [
    ...['train.burn_in=0', 'train.iterations=3', 'train.eval_every=3', 'train.checkpoint_every=1'],
    ...['model.backbone=resnet10', 'model.decoder_channels=16'],
  ].flatMap((setting) => ['--set', setting]);
  const trained = async (name: string): Promise<string[]> => {
    const args = ['train', '--config', set.config, '--out', join(set.root, name), ...few];
    expect((await dssn(...args)).code).toBe(0);
    return [...args, '--resume'];
  };

  it('stays what it was where nothing comes of that', async () => {
    const resume = await trained('unfit');
    const files = ['config.json', 'manifest.json'].map((name) => join(set.root, 'unfit', name));
    const read = () => files.map((file) => JSON.parse(readFileSync(file, 'utf8')));
    const [config, manifest] = read();
    const refused = await dssn(...resume, '--set', 'model.decoder_channels=8', '--allow-config-change', 'model');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('does not fit this network')]);
    const [configAfter, manifestAfter] = read();
    expect([configAfter, manifestAfter.lists, manifestAfter.iterations]).toEqual([config, manifest.lists, manifest.iterations]);
    expect((await dssn(...resume)).code).toBe(0);

    // The same where it is killed before it has saved anything.
    const sets = ['seed=9', 'train.iterations=500', 'train.checkpoint_every=500', 'train.eval_every=500'].flatMap((text) => [
      '--set',
      text,
    ]);
    const running = start(...resume, ...sets, '--allow-config-change', 'train', '--allow-config-change', 'seed');
    await untilBeyond(3, join(set.root, 'unfit'), running);
    running.process.kill('SIGKILL');
    await running.ended;
    const [configKept, { seed, lists, iterations, sessions }] = read();
    expect([configKept, seed, lists, iterations]).toEqual([config, manifest.seed, manifest.lists, manifest.iterations]);
    expect(sessions.at(-1).changed).toHaveLength(3);
    expect((await dssn(...resume)).code).toBe(0);
    // What is not there any more, and was, is not begun anew over what is left.
    for (const name of ['latest', 'earlier']) rmSync(join(set.root, 'unfit', name), { recursive: true });
    const longer = await dssn(...resume, '--set', 'train.iterations=4', '--allow-config-change', 'train');
    expect([longer.code, longer.stderr]).toEqual([
      1,
      expect.stringMatching(/unfit\/latest: is missing, and no checkpoint before it is kept/),
    ]);
    expect((await dssn(...resume)).stdout).toContain('is finished already');
  });

  it('is refused where it would end before where it is', async () => {
    const { code, stderr } = await dssn(...(await trained('shorter')), '--set', 'train.iterations=2', '--allow-config-change', 'train');
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/shorter: 3 iterations are done, and the configuration ends after 2; allowed: /),
    ]);
  });

  it('is refused where a list holds other images, unless that is allowed', async () => {
    const resume = [...(await trained('lists')), '--set', 'train.iterations=4', '--allow-config-change', 'train.iterations'];
    const list = join(set.root, 'splits/few/unlabeled.txt');
    const before = readFileSync(list, 'utf8');
    writeFileSync(list, before.split('\n').slice(1).join('\n'));
    try {
      const { code, stderr } = await dssn(...resume);
      expect([code, stderr]).toEqual([
        2,
        `error: ${join(set.root, 'lists')}: cannot go on with other lists than the run began with\n  ${list}: the unlabelled images, 8 when the run began, 7 now\nput them back, allow it with --allow-config-change data.split, or give another --out\n`,
      ]);
      const allowed = await dssn(...resume, '--allow-config-change', 'data.split');
      expect([allowed.code, allowed.stdout]).toEqual([0, expect.not.stringContaining('best/ and teacher-best/ are replaced')]);
      const { lists, sessions } = RunFolder.open(join(set.root, 'lists')).manifest!;
      expect(lists.find(({ name }) => name === 'unlabelled')?.images).toBe(7);
      expect(sessions.at(-1)?.changed).toEqual([
        expect.objectContaining({ key: 'train.iterations' }),
        { key: 'data.split', before: expect.objectContaining({ images: 8 }), now: expect.objectContaining({ images: 7 }) },
      ]);
    } finally {
      writeFileSync(list, before);
    }
  });

  it('may where each key that differs is allowed: a finished run trains longer', async () => {
    const run = join(set.root, 'longer');
    const few = ['--set', 'train.burn_in=0', '--set', 'train.iterations=2', '--set', 'train.eval_every=2'];
    expect((await dssn('train', '--config', set.config, '--out', run, ...few)).code).toBe(0);
    const more = ['train', '--config', set.config, '--out', run, ...few, '--set', 'train.iterations=3', '--resume'];
    const refused = await dssn(...more);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      `error: ${run}: cannot go on with another configuration than the run began with\n  train.iterations: 2 in the run, 3 now\nallow it with --allow-config-change train.iterations, or give another --out\n`,
    ]);
    const longer = await dssn(...more, '--allow-config-change', 'train.iterations', '--json');
    expect([longer.code, JSON.parse(longer.stdout)]).toEqual([0, expect.objectContaining({ status: 'finished', iterations: 3 })]);
    expect(RunFolder.open(run).manifest?.sessions.at(-1)?.changed).toEqual([{ key: 'train.iterations', before: 2, now: 3 }]);
  });
});

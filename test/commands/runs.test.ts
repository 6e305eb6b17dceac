/** Several seeds of one configuration, and runs in every state compared. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EvalEvent, readEvents } from '../../src/runs/events.ts';
import { RunFolder } from '../../src/runs/folder.ts';
import type { RunsResult, TrainSeedsResult } from '../../src/tasks/types.ts';
import { dssn, type Ended, type Running, start } from './command.ts';
import { classes, type Photographs, writePhotographs } from './pictures.ts';

let set: Photographs;
/** Holds the runs. */
let all: string;
let seeds: string;
beforeAll(async () => {
  set = await writePhotographs();
  all = join(set.root, 'runs');
  seeds = join(all, 'seeds');
});
afterAll(() => rmSync(set.root, { recursive: true }));

const command = (out: string, ...more: string[]): string[] => [
  ...['train', '--config', set.config, '--out', out, '--set', 'train.eval_every=2', '--set', 'log.pictures=0', ...more],
];

function resultOf<T>({ stdout, stderr }: Ended): T {
  expect(stdout.split('\n'), stderr).toHaveLength(2);
  return JSON.parse(stdout) as T;
}

/** Waits until a run has logged this iteration. */
async function untilIteration(iteration: number, run: string, { process }: Running): Promise<void> {
  const events = join(run, 'events.jsonl');
  while (!existsSync(events) || readEvents(events).every((event) => event.iteration < iteration)) {
    expect(process.exitCode, 'the training ended too early').toBe(null);
    await wait(10);
  }
}

const compared = async (...args: string[]): Promise<RunsResult> => resultOf<RunsResult>(await dssn('runs', ...args, '--json'));

const evaluationsOf = (run: string): EvalEvent[] =>
  RunFolder.open(run)
    .events()
    .filter((event): event is EvalEvent & { time: string } => event.type === 'eval');

describe('train --seeds', () => {
  it('stops in the middle of its second run at SIGTERM, and begins no other', async () => {
    const training = start(...command(seeds, '--seeds', '3', '--json'));
    await untilIteration(1, join(seeds, 'seed-4'), training);
    training.process.kill('SIGTERM');
    const ended = await training.ended;
    const result = resultOf<TrainSeedsResult>(ended);
    expect([ended.code, result.status]).toEqual([143, 'interrupted']);
    expect(result.runs.map(({ seed, status }) => [seed, status])).toEqual([
      [3, 'finished'],
      [4, 'interrupted'],
    ]);
    expect(result).not.toHaveProperty('mean');
    expect(readdirSync(seeds)).toEqual(['seed-3', 'seed-4']);
    expect(RunFolder.open(join(seeds, 'seed-4')).manifest?.status).toBe('interrupted');
    expect(ended.stderr).toMatch(/^seed 3 \(1 of 3\) dssn 4\/4 100%/m);
    expect(ended.stderr).toMatch(/^seed 3 \(1 of 3\): iteration 4: mIoU of the student /m);
    expect(ended.stderr).toMatch(/^seed 4 \(2 of 3\) dssn [1-4]\/4 /m);
    cpSync(join(seeds, 'seed-4'), join(all, 'interrupted'), { recursive: true });
  });

  it('is not begun over runs that are there', async () => {
    const { code, stderr } = await dssn(...command(seeds, '--seeds', '3'));
    expect([code, stderr]).toEqual([2, expect.stringContaining('seed-3: holds a checkpoint already; add --resume to go on from it')]);
    expect(existsSync(join(seeds, 'seed-5'))).toBe(false);
  });

  it('goes on with --resume: passes over what is finished, and reports mean and standard deviation', async () => {
    const before = readFileSync(join(seeds, 'seed-3', 'events.jsonl'), 'utf8');
    const ended = await dssn(...command(seeds, '--seeds', '3', '--json', '--resume'));
    const result = resultOf<TrainSeedsResult>(ended);
    expect([ended.code, result.status, result.out, result.method]).toEqual([0, 'finished', seeds, 'dssn']);
    expect(result.runs.map(({ seed, status, run }) => [seed, status, run])).toEqual([
      [3, 'already-finished', join(seeds, 'seed-3')],
      [4, 'finished', join(seeds, 'seed-4')],
      [5, 'finished', join(seeds, 'seed-5')],
    ]);
    expect(ended.stderr).toMatch(/^seed 3 \(1 of 3\): finished already$/m);
    expect(readFileSync(join(seeds, 'seed-3', 'events.jsonl'), 'utf8')).toBe(before);
    const sessions = RunFolder.open(join(seeds, 'seed-4')).manifest!.sessions;
    expect(sessions.map(({ status }) => status)).toEqual(['interrupted', 'finished']);

    const evaluations = [3, 4, 5].map((seed) => evaluationsOf(join(seeds, `seed-${seed}`)));
    expect(RunFolder.open(join(seeds, 'seed-5')).config.seed).toBe(5);
    for (const who of ['student', 'teacher'] as const) {
      const last = evaluations.map((events) => events.at(-1)![who]!.miou);
      const best = evaluations.map((events) => Math.max(...events.map((event) => event[who]!.miou)));
      expect(result.runs.map((run) => run[who])).toEqual(last.map((value, k) => ({ last: value, best: best[k] })));
      for (const [which, [a, b, c]] of Object.entries({ last, best }) as ['last' | 'best', [number, number, number]][]) {
        expect(result.mean![who]![which]).toBeCloseTo((a + b + c) / 3, 9);
        // The mean of the squared differences of three numbers' pairs is twice their sample variance.
        expect(result.std![who]![which]).toBeCloseTo(Math.sqrt(((a - b) ** 2 + (b - c) ** 2 + (a - c) ** 2) / 6), 9);
      }
    }
    expect([result.n, result.seeds]).toEqual([3, [3, 4, 5]]);
  });

  it('prints a table of what was finished already', async () => {
    const { code, stdout } = await dssn(...command(seeds, '--seeds', '2', '--resume'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^mIoU +student +best +teacher +best$/m);
    expect(stdout).toMatch(/^seed 4 +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d\nmean +\d/m);
    expect(stdout).toMatch(/^standard deviation, n = 2 +\d/m);
    expect(stdout).toContain(`finished 2 runs of dssn\nnext: dssn runs ${seeds}\n`);
  });

  it('refuses an --out that is a single run, and a number of seeds that is none', async () => {
    const run = join(seeds, 'seed-3');
    const [single, none] = await Promise.all([dssn(...command(run, '--seeds', '2', '--resume')), dssn(...command(seeds, '--seeds', '0'))]);
    expect([single.code, single.stderr]).toEqual([
      2,
      `error: ${run}: is a single run; with --seeds the runs are folders in --out: give another\n`,
    ]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('Allowed: an integer of at least 1.')]);
  });
});

describe('dssn runs', () => {
  beforeAll(async () => {
    const killed = join(all, 'deep', 'er', 'killed');
    const training = start(...command(killed, '--set', 'method=supervised', '--set', 'train.iterations=50', '--set', 'train.eval_every=1'));
    await untilIteration(1, killed, training);
    // A run that is being written.
    expect((await compared(killed)).runs).toMatchObject([{ name: 'killed', status: 'running', of: 50 }]);
    training.process.kill('SIGKILL');
    await training.ended;

    const damaged = join(all, 'damaged');
    cpSync(join(seeds, 'seed-3'), damaged, { recursive: true });
    writeFileSync(join(damaged, 'config.json'), '{"method": "dssn", "sed": 3}');
    truncateSync(join(damaged, 'latest/teacher.safetensors'), 100);
    mkdirSync(join(all, 'no run'));
    writeFileSync(join(all, 'no run', 'config.json'), '{}');
    writeFileSync(join(all, 'events.jsonl'), '');
  });

  it('finds runs in every state, and says of each what it is', async () => {
    const { runs } = await compared(all);
    const states = runs.map(({ name, method, seed, status, of }) => [name, method, seed, status, of]);
    expect(states).toEqual([
      ['damaged', 'dssn', 3, 'damaged', 4],
      ['deep/er/killed', 'supervised', 3, 'died', 50],
      ['interrupted', 'dssn', 4, 'interrupted', 4],
      ['seeds/seed-3', 'dssn', 3, 'finished', 4],
      ['seeds/seed-4', 'dssn', 4, 'finished', 4],
      ['seeds/seed-5', 'dssn', 5, 'finished', 4],
    ]);
    expect(runs.filter(({ problems }) => problems.length > 0).map(({ name }) => name)).toEqual(['damaged']);
    expect(runs[0]!.problems).toEqual([
      expect.stringMatching(/config\.json.* sed: unknown key; did you mean seed\?/),
      expect.stringMatching(/latest: is damaged/),
    ]);
    const seed4 = evaluationsOf(join(seeds, 'seed-4'));
    expect(runs[4]).toMatchObject({
      ...{ run: join(seeds, 'seed-4'), iterations: 4 },
      student: { last: seed4.at(-1)!.student.miou, best: Math.max(...seed4.map(({ student }) => student.miou)) },
      teacher: { last: seed4.at(-1)!.teacher!.miou },
      last_evaluation: { iteration: 4, who: 'teacher', iou: seed4.at(-1)!.teacher!.iou },
    });
    for (const { seconds } of runs) expect(seconds).toBeGreaterThan(0);
  });

  it('groups runs that differ in their seed alone, and tells what else differs', async () => {
    const { groups, differing } = await compared(all);
    expect(groups).toHaveLength(1);
    expect(groups[0]).toMatchObject({
      ...{ n: 3, seeds: [3, 4, 5], runs: ['seeds/seed-3', 'seeds/seed-4', 'seeds/seed-5'], left_out: ['interrupted'] },
    });
    const lasts = [3, 4, 5].map((seed) => evaluationsOf(join(seeds, `seed-${seed}`)).at(-1)!.teacher!.miou);
    expect(groups[0]!.mean.teacher!.last).toBeCloseTo(lasts.reduce((a, b) => a + b) / 3, 9);
    expect(differing.map(({ key }) => key)).toEqual(['method', 'seed', 'train.iterations', 'train.eval_every']);
    expect(differing[2]!.values).toEqual([
      { value: 50, runs: ['deep/er/killed'] },
      { value: 4, runs: ['interrupted', 'seeds/seed-3', 'seeds/seed-4', 'seeds/seed-5'] },
    ]);
  });

  it('prints it', async () => {
    const { code, stdout, stderr } = await dssn('runs', all, '--per-class', '--sort', 'seed');
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.split('\n');
    expect(lines[1]).toMatch(/^name +method +seed +iterations +status +student +best +teacher +best +time$/);
    expect(lines.slice(2, 8).map((line) => line.split(/ +/)[0])).toEqual([
      ...['damaged', 'deep/er/killed', 'seeds/seed-3', 'interrupted', 'seeds/seed-4', 'seeds/seed-5'],
    ]);
    expect(stdout).toMatch(
      /^damaged is damaged:\n {2}.*config\.json:1:1 model\.backbone: missing.* \(and 8 more\)\n {2}.*latest: is damaged/m,
    );
    for (const name of classes) expect(stdout).toMatch(new RegExp(`^${name}( +\\d+\\.\\d\\d)+$`, 'm'));
    expect(stdout).toMatch(/^seeds\/seed-3, seeds\/seed-4, seeds\/seed-5 +3( +\d+\.\d\d ± \d+\.\d\d){4} {2}interrupted$/m);
    expect(stdout).toMatch(/^train\.iterations +50 +deep\/er\/killed$/m);
  });

  it('takes several folders, a run among them, each once; an empty one holds none', async () => {
    const { runs } = await compared(join(seeds, 'seed-5'), seeds, join(all, 'interrupted'), '--sort', 'teacher-last');
    expect(runs.map(({ run }) => run).sort()).toEqual(
      [join(all, 'interrupted'), ...[3, 4, 5].map((seed) => join(seeds, `seed-${seed}`))].sort(),
    );
    const lasts = runs.map(({ teacher }) => teacher?.last ?? -1);
    expect(lasts).toEqual([...lasts].sort((a, b) => b - a));
    const { code, stdout } = await dssn('runs', join(all, 'no run'));
    expect([code, stdout]).toEqual([0, `no runs in ${join(all, 'no run')}\n`]);
  });

  it('refuses a folder that is not there, a file, and an order that is none', async () => {
    const [missing, file, order] = await Promise.all([
      dssn('runs', join(all, 'nothing')),
      dssn('runs', join(all, 'events.jsonl')),
      dssn('runs', all, '--sort', 'beauty'),
    ]);
    expect([missing.code, missing.stderr]).toEqual([2, `error: ${join(all, 'nothing')}: no such folder\n`]);
    expect([file.code, file.stderr]).toEqual([
      2,
      expect.stringContaining('not a folder; allowed: run folders, and folders that hold some'),
    ]);
    expect([order.code, order.stderr]).toEqual([2, expect.stringContaining('teacher-best')]);
  });
});

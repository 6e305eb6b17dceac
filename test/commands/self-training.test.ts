import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentReporter } from '../../src/cli/progress.ts';
import { loadConfig } from '../../src/config/load.ts';
import { decodeLabelMap } from '../../src/data/decode/label-map.ts';
import type { EvalEvent, LoggedEvent } from '../../src/runs/events.ts';
import { RunFolder } from '../../src/runs/folder.ts';
import { train } from '../../src/tasks/train.ts';
import type { Reporter } from '../../src/tasks/types.ts';
import { dssn } from './command.ts';
import { classes, namesOf, type Photographs, writePhotographs } from './pictures.ts';

/** ST and ST++ as whole runs: 6 labelled and 8 unlabelled pictures, rounds of three iterations. */
let set: Photographs;
beforeAll(async () => {
  set = await writePhotographs();
});
afterAll(() => rmSync(set.root, { recursive: true }));

const iterations = 3;
const settings = (method: string, ...more: string[]): string[] => [
  ...[
    `method=${method}`,
    `train.iterations=${iterations}`,
    'train.eval_every=2',
    'train.checkpoint_every=1',
    'data.workers=0',
    'model.backbone=resnet10',
  ],
  'model.decoder_channels=16',
  ...more,
];
const setsOf = (method: string, ...more: string[]): string[] => settings(method, ...more).flatMap((text) => ['--set', text]);
const runOf = (name: string): string => join(set.root, name);

/** Trains in this process; `stopAt` names the work in whose first unit it is interrupted. */
async function trainIn(run: string, method: string, stopAt?: string) {
  const stop = new AbortController();
  let label = '';
  const begun: string[] = [];
  const reporter: Reporter = {
    ...silentReporter,
    start: (_total, name) => {
      label = name;
      begun.push(name);
    },
    update: () => {
      if (label === stopAt) stop.abort();
    },
  };
  const config = loadConfig(set.config, settings(method));
  const result = await train({ config, out: run, resume: true, command: ['test'], reporter, signal: stop.signal });
  return { result, begun };
}

const labelsOf = (run: string): Record<string, Buffer> =>
  Object.fromEntries(
    readdirSync(join(run, 'pseudo-labels'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.png'))
      .sort()
      .map((name) => [name, readFileSync(join(run, 'pseudo-labels', name))]),
  );

const weightsOf = (run: string): Buffer[] =>
  ['student', 'teacher', 'optimiser'].map((who) => readFileSync(join(run, `latest/${who}.safetensors`)));

/** What happened, without times and without checkpoints in latest/. */
function storyOf(run: string): object[] {
  const times = ['time', 'seconds', 'iterations_per_s', 'images_per_s'];
  const events = RunFolder.open(run)
    .events()
    .filter((event) => event.type !== 'checkpoint' || event.kind !== 'latest');
  return events.map((event) => Object.fromEntries(Object.entries(event).filter(([name]) => !times.includes(name))));
}

const isEval = (event: LoggedEvent): event is EvalEvent & { time: string } => event.type === 'eval';

describe('method st', () => {
  it('trains, labels every unlabelled picture, and trains anew on both', async () => {
    const run = runOf('st');
    const sets = setsOf('st');
    const { code, stdout, stderr } = await dssn('train', '--config', set.config, '--out', run, ...sets);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^finished 6 iterations of st$/m);
    const evaluations = RunFolder.open(run).events().filter(isEval);
    expect(evaluations.map(({ iteration, round }) => [iteration, round])).toEqual([
      [2, 1],
      [3, 1],
      [5, 2],
      [6, 2],
    ]);
    expect(Object.keys(labelsOf(run))).toEqual(namesOf('unlabeled').map((name) => `images/${name}.png`));
    for (const name of namesOf('unlabeled')) {
      const labels = await decodeLabelMap(join(run, 'pseudo-labels/images', `${name}.png`));
      expect([labels.width, labels.height].sort()).toEqual([36, 48]);
      expect(Math.max(...labels.data)).toBeLessThan(classes.length);
    }
    // The run's best is the last round's, chosen among its own evaluations.
    const last = evaluations.filter(({ round }) => round === 2).map(({ student }) => student.miou);
    expect(RunFolder.open(run).weights('best')?.mark.values.miou).toBe(Math.max(...last));
    const first = evaluations.filter(({ round }) => round === 1).map(({ student }) => student.miou);
    expect(RunFolder.open(run).weights('labeller')?.mark.values).toEqual({ miou: Math.max(...first), round: 1 });
  });

  it('leaves pixels out that select.rule does not keep', async () => {
    const run = runOf('selected');
    const sets = setsOf('st', 'select.rule=fixed', 'select.conf_thresh=0.6');
    expect((await dssn('train', '--config', set.config, '--out', run, ...sets)).code).toBe(0);
    const values = new Set<number>();
    for (const name of namesOf('unlabeled'))
      for (const label of (await decodeLabelMap(join(run, 'pseudo-labels/images', `${name}.png`))).data) values.add(label);
    expect(values.has(255)).toBe(true);
  });
});

describe('method stpp', () => {
  const works = ['stpp round 1', 'reliability', 'labels', 'stpp round 2', 'labels', 'stpp round 3'];

  it('learns from the more reliable half first; stopped in each of its parts, it becomes by --resume the run that was never stopped', async () => {
    const straight = await trainIn(runOf('straight'), 'stpp');
    expect(straight.result).toMatchObject({ status: 'finished', iterations: 9, of: 9 });
    expect(straight.begun).toEqual(works);
    const ranking = JSON.parse(readFileSync(join(runOf('straight'), 'pseudo-labels/reliability.json'), 'utf8')) as Record<string, number>;
    expect(Object.keys(ranking)).toEqual(namesOf('unlabeled').map((name) => `images/${name}`));
    for (const value of Object.values(ranking)) expect(value > 0 && value <= 1).toBe(true);
    expect(Object.keys(labelsOf(runOf('straight')))).toHaveLength(8);

    const stopped = runOf('stopped');
    for (const work of ['stpp round 1', 'reliability', 'labels', 'stpp round 2', 'stpp round 3'])
      expect((await trainIn(stopped, 'stpp', work)).result.status, work).toBe('interrupted');
    expect((await trainIn(stopped, 'stpp')).result.status).toBe('finished');
    expect(labelsOf(stopped)).toEqual(labelsOf(runOf('straight')));
    for (const [k, bytes] of weightsOf(stopped).entries()) expect(bytes.equals(weightsOf(runOf('straight'))[k]!)).toBe(true);
    expect(storyOf(stopped)).toEqual(storyOf(runOf('straight')));
    expect((await trainIn(stopped, 'stpp')).result.status).toBe('already-finished');
  });

  it('stopped in the last evaluation of a round, evaluates before it labels', async () => {
    const straight = runOf('straight-evaluation');
    const run = runOf('stopped-evaluation');
    const trainTo = async (out: string, stopAt?: number) => {
      const stop = new AbortController();
      let label = '';
      const reporter: Reporter = {
        ...silentReporter,
        start: (_total, name) => {
          label = name;
        },
        update: ({ iteration }) => {
          if (label !== 'labels' && iteration === stopAt) stop.abort();
        },
      };
      // The only evaluation of a round is at its end.
      const config = loadConfig(set.config, settings('st', 'train.eval_every=9'));
      return train({ config, out, resume: true, command: ['test'], reporter, signal: stop.signal });
    };
    await trainTo(straight);
    for (const end of [3, 6]) {
      expect((await trainTo(run, end)).status).toBe('interrupted');
      expect(RunFolder.open(run).weights('latest')?.mark).toMatchObject({ iteration: end, values: { evaluated: end === 3 ? 0 : 3 } });
    }
    const finished = await trainTo(run);
    expect([finished.status, finished.student?.last]).toEqual(['finished', expect.any(Number)]);
    expect(storyOf(run)).toEqual(storyOf(straight));
  });

  it('begun anew forgets the labels of the run before', async () => {
    const run = runOf('anew');
    await trainIn(run, 'st');
    const stray = join(run, 'pseudo-labels/images/stray.png');
    writeFileSync(stray, '');
    for (const kind of ['latest', 'best', 'teacher-best', 'labeller', 'earlier']) rmSync(join(run, kind), { recursive: true });
    await trainIn(run, 'st');
    expect(existsSync(stray)).toBe(false);
  });

  it('needs two unlabelled pictures', async () => {
    const lists = join(set.root, 'splits/one');
    mkdirSync(lists, { recursive: true });
    copyFileSync(join(set.root, 'splits/few/labeled.txt'), join(lists, 'labeled.txt'));
    writeFileSync(join(lists, 'unlabeled.txt'), 'images/unlabeled0.jpg\n');
    const sets = setsOf('stpp', 'data.split=one');
    const { code, stderr } = await dssn('train', '--config', set.config, '--out', runOf('one'), ...sets);
    expect([code, existsSync(runOf('one'))]).toEqual([2, false]);
    expect(stderr).toContain('method stpp: takes the more reliable half of the unlabelled images first; 1 is listed, allowed: at least 2');
  });
});

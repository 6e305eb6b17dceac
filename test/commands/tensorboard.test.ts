/** TensorBoard's files of a run, by a reader that shares nothing with their writer. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunFolder } from '../../src/runs/folder.ts';
import { type ReadEvent, readEventFiles } from '../support/tensorboard.ts';
import { dssn, start } from './command.ts';
import { classes, type Photographs, writePhotographs } from './pictures.ts';

let set: Photographs;
beforeAll(async () => {
  set = await writePhotographs();
});
afterAll(() => rmSync(set.root, { recursive: true }));

const command = (run: string, ...settings: string[]): string[] => [
  ...['train', '--config', set.config, '--out', run, '--set', 'train.iterations=6', '--set', 'train.eval_every=2'],
  ...settings.flatMap((setting) => ['--set', setting]),
];

/** What TensorBoard shows: a session that starts at a step takes back what files before it say of that step and beyond. */
function shown(run: string): ReadEvent[] {
  let events: ReadEvent[] = [];
  for (const file of readEventFiles(run))
    for (const event of file.events) {
      if (event.sessionLog?.status === 'START') events = events.filter(({ step }) => step < event.step);
      else events.push(event);
    }
  return events;
}

/** Step and value of a curve. */
const curve = (run: string, tag: string): [number, number][] =>
  shown(run).flatMap(({ step, summary }) =>
    (summary?.value ?? []).flatMap((value) => (value.tag === tag ? [[step, value.simpleValue!] as [number, number]] : [])),
  );

const picturesOf = (run: string) =>
  shown(run).flatMap(({ step, summary }) => (summary?.value ?? []).flatMap(({ tag, image }) => (image ? [{ step, tag, image }] : [])));

/** Whether the files hold a step of this number or beyond; a record that is being written does not count yet. */
function hasStep(run: string, least: number): boolean {
  try {
    return readEventFiles(run).some(({ events }) => events.some(({ step }) => step >= least));
  } catch {
    return false;
  }
}

describe('a run that was killed and went on', () => {
  let run: string;
  beforeAll(async () => {
    run = join(set.root, 'run');
    const killed = start(...command(run));
    // Beyond its first checkpoint, so that the second session begins in the middle and has something to take back.
    while (!hasStep(run, 3)) {
      expect(killed.process.exitCode, 'the run ended too early').toBe(null);
      await wait(10);
    }
    killed.process.kill('SIGKILL');
    await killed.ended;
    const { code, stderr } = await dssn(...command(run), '--resume');
    expect([code, stderr]).toEqual([0, '']);
  });

  it('has a file a session, the second of which takes back what lies beyond the checkpoint', () => {
    const [first, second, ...others] = readEventFiles(run).map(({ events }) => events);
    expect(others).toEqual([]);
    expect([first![0], second![0]]).toMatchObject([{ fileVersion: 'brain.Event:2' }, { fileVersion: 'brain.Event:2' }]);
    const { from } = RunFolder.open(run).manifest!.sessions[1]!;
    expect(from).toBeGreaterThan(0);
    expect(second![1]).toMatchObject({ step: from + 1, sessionLog: { status: 'START' } });
    const taken = first!.filter(({ step }) => step > from);
    expect(taken.length).toBeGreaterThan(0);
  });

  it('shows the curves of its events, each step once', () => {
    const events = RunFolder.open(run).events();
    const steps = events.filter((event) => event.type === 'train');
    expect(curve(run, 'train/loss_all')).toEqual(steps.map(({ iteration, losses }) => [iteration, Math.fround(losses.loss!)]));
    expect(curve(run, 'train/loss_s').map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(curve(run, 'train/mask_ratio')).toEqual(steps.map(({ iteration, kept }) => [iteration, Math.fround(kept!)]));
    const evaluations = events.filter((event) => event.type === 'eval');
    expect(evaluations.map(({ iteration }) => iteration)).toEqual([2, 4, 6]);
    expect(curve(run, 'eval/mIoU')).toEqual(evaluations.map(({ iteration, student }) => [iteration, Math.fround(student.miou)]));
    expect(curve(run, 'eval/mIoU_ema')).toEqual(evaluations.map(({ iteration, teacher }) => [iteration, Math.fround(teacher!.miou)]));
    for (const name of classes)
      expect(curve(run, `eval/${name}_IoU`)).toEqual(
        evaluations.map(({ iteration, student }) => [iteration, Math.fround(student.iou[name]!)]),
      );
  });

  it('shows pictures of each evaluation: four predictions and a pseudo-label', async () => {
    const pictures = picturesOf(run);
    const tags = ['eval/predictions/1', 'eval/predictions/2', 'eval/predictions/3', 'eval/predictions/4', 'train/pseudo_labels'];
    expect(pictures.map(({ step, tag }) => `${step} ${tag}`)).toEqual([2, 4, 6].flatMap((step) => tags.map((tag) => `${step} ${tag}`)));
    for (const { image } of pictures) {
      const { format, width, height, channels } = await sharp(image.encodedImageString).metadata();
      expect([format, width, height, channels]).toEqual(['png', image.width, image.height, image.colorspace]);
    }
  });

  it('has learnt, bit by bit, what a run without TensorBoard learns in one go', async () => {
    const plain = join(set.root, 'plain');
    expect((await dssn(...command(plain, 'log.tensorboard=false'))).code).toBe(0);
    expect(existsSync(join(plain, 'tensorboard'))).toBe(false);
    for (const who of ['student', 'teacher', 'optimiser'])
      expect(readFileSync(join(run, `latest/${who}.safetensors`)).equals(readFileSync(join(plain, `latest/${who}.safetensors`))), who).toBe(
        true,
      );
  });
});

it('a run whose TensorBoard files cannot be written says so once, and finishes', async () => {
  const run = join(set.root, 'refused');
  expect((await dssn(...command(run, 'train.iterations=2', 'log.tensorboard=false'))).code).toBe(0);
  for (const kind of ['latest', 'best', 'teacher-best']) rmSync(join(run, kind), { recursive: true });
  writeFileSync(join(run, 'tensorboard'), 'a file where the folder should be');
  const { code, stdout } = await dssn(...command(run, 'train.iterations=2'));
  expect(code).toBe(0);
  expect(stdout.match(/^warning: .*tensorboard: no longer written, the training goes on: EEXIST/gm)).toHaveLength(1);
  const warnings = RunFolder.open(run)
    .events()
    .filter(({ type }) => type === 'warning');
  expect(warnings).toMatchObject([{ iteration: 0, text: expect.stringContaining('no longer written') }]);
});

it('without pictures there are curves alone', async () => {
  const run = join(set.root, 'curves');
  expect((await dssn(...command(run, 'train.iterations=2', 'method=supervised', 'log.pictures=0'))).code).toBe(0);
  expect(picturesOf(run)).toEqual([]);
  expect(curve(run, 'eval/mIoU')).toHaveLength(1);
});

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { decode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfusionMatrix } from '../../src/eval/confusion.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import type { EvalEvent, TrainEvent } from '../../src/runs/events.ts';
import { RunFolder } from '../../src/runs/folder.ts';
import { dssn, type Ended } from './command.ts';
import { classes, namesOf, type Photographs, palette, writePhotographs } from './pictures.ts';

let set: Photographs;
beforeAll(async () => {
  set = await writePhotographs();
});
afterAll(() => rmSync(set.root, { recursive: true }));

const train = (run: string, ...settings: string[]): Promise<Ended> =>
  dssn('train', '--config', set.config, '--out', run, '--json', ...settings.flatMap((setting) => ['--set', setting]));

/** The one JSON object on stdout. */
function resultOf({ code, stdout, stderr }: Ended): Record<string, unknown> {
  expect([code, stdout.split('\n').length], stderr).toEqual([0, 2]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

function lastEvaluation(run: string): EvalEvent {
  return RunFolder.open(run)
    .events()
    .findLast((event) => event.type === 'eval') as EvalEvent;
}

describe('a run of DSSN', () => {
  let run: string;
  let result: Record<string, unknown>;
  let stderr: string;
  beforeAll(async () => {
    run = join(set.root, 'run');
    const ended = await train(run, 'train.eval_every=2');
    result = resultOf(ended);
    stderr = ended.stderr;
  });

  it('prints one JSON object on stdout, and plain lines of progress on stderr', () => {
    const { student, teacher } = lastEvaluation(run);
    expect(result).toEqual({
      run,
      method: 'dssn',
      status: 'finished',
      iterations: 4,
      of: 4,
      student: { last: student.miou, best: expect.any(Number) },
      teacher: { last: teacher!.miou, best: expect.any(Number) },
    });
    expect(stderr).toMatch(/^dssn 4\/4 100% {2}epoch 0 .* loss \d\.\d{3}.* kept \d+%/m);
    expect(stderr).toMatch(/^iteration 4: mIoU of the student \d+\.\d\d, of the teacher \d+\.\d\d$/m);
    // Neither colours nor a line that is redrawn.
    expect(stderr.includes('\u001b') || stderr.includes('\r')).toBe(false);
  });

  it('leaves a run folder whose every file can be read', () => {
    const folder = RunFolder.open(run);
    expect(folder.config).toMatchObject({ method: 'dssn', data: { root: set.root, classes } });
    expect(folder.manifest).toMatchObject({
      status: 'finished',
      lists: [
        { name: 'labelled', images: 6 },
        { name: 'unlabelled', images: 8 },
        { name: 'val', images: 4 },
      ],
      sessions: [
        {
          from: 0,
          to: 4,
          status: 'finished',
          command: ['train', '--config', set.config, '--out', run, '--json', '--set', 'train.eval_every=2'],
        },
      ],
    });
    expect(folder.events().map(({ type, iteration }) => `${type} ${iteration}`)).toEqual([
      ...['train 1', 'train 2', 'eval 2', 'checkpoint 2', 'checkpoint 2', 'checkpoint 2', 'train 3', 'train 4', 'eval 4'],
      ...folder
        .events()
        .filter(({ type, iteration }) => type === 'checkpoint' && iteration === 4)
        .map(() => 'checkpoint 4'),
      'end 4',
    ]);
    const files = [
      ['latest', 'student'],
      ['latest', 'teacher'],
      ['best', 'student'],
      ['teacher-best', 'teacher'],
    ] as const;
    for (const [kind, who] of files) {
      const { tensors, metadata } = readSafetensors(join(run, kind, `${who}.safetensors`));
      expect(tensors.get('classifier.weight')?.shape).toEqual([3, 256, 1, 1]);
      expect(JSON.parse(metadata.model!)).toMatchObject({ backbone: 'resnet18', classes: 3 });
      expect(JSON.parse(metadata.data!)).toMatchObject({ classes, palette });
    }
    const parameters = [...readSafetensors(join(run, 'latest/student.safetensors')).tensors.keys()].filter(
      (name) => !/running_|num_/.test(name),
    );
    expect([...readSafetensors(join(run, 'latest/optimiser.safetensors')).tensors.keys()].sort()).toEqual(parameters.sort());
  });

  it('learns from strong views once the warm-up is over', () => {
    const events = RunFolder.open(run).events() as TrainEvent[];
    const losses = events.filter(({ type }) => type === 'train').map((event) => event.losses);
    expect(losses).toHaveLength(4);
    for (const { loss, loss_x, loss_s1, loss_s2, loss_fp1, loss_fp2, loss_con_img, loss_con_feat } of losses.slice(1)) {
      expect(loss_s1).toBeGreaterThan(0);
      const weighted = loss_x! + 0.25 * (loss_s1! + loss_s2!) + 0.25 * (loss_fp1! + loss_fp2!) + 0.01 * (loss_con_img! + loss_con_feat!);
      expect(loss).toBeCloseTo(0.5 * weighted, 5);
    }
    const { loss, loss_x, loss_fp1, loss_fp2, loss_con_img, loss_con_feat } = losses[0]!;
    expect(loss).toBeCloseTo(0.5 * (loss_x! + 0.25 * (loss_fp1! + loss_fp2!) + 0.01 * (loss_con_img! + loss_con_feat!)), 5);
  });

  it('with a burn-in begins as the supervised run does, to the bit', async () => {
    const runs = [
      ['supervised', 'burn-in'],
      ['dssn', 'burn-in-dssn'],
    ].map(([method, name]) => ({ method: method!, run: join(set.root, name!) }));
    for (const { method, run } of runs) resultOf(await train(run, `method=${method}`, 'train.burn_in=0.5', 'train.eval_every=2'));
    const [supervised, dssn] = runs.map(({ run }) => RunFolder.open(run).events());
    const evaluated = (events = supervised!) => events.find((event) => event.type === 'eval')!;
    expect(evaluated(dssn)).toMatchObject({ iteration: 2, student: evaluated().student, teacher: evaluated().teacher! });
    const losses = (events = supervised!) => events.filter(({ type }) => type === 'train').map((event) => (event as TrainEvent).losses);
    expect(losses(dssn).slice(0, 2)).toEqual(losses().slice(0, 2));
    expect(losses(dssn).map(({ loss_s1 }) => loss_s1 !== undefined)).toEqual([false, false, true, true]);
  });

  it('is evaluated to the numbers that it logged, student and teacher', async () => {
    const { student, teacher } = lastEvaluation(run);
    const [latest, ofTeacher] = await Promise.all([
      dssn('evaluate', '--run', run, '--weights', 'latest', '--json'),
      dssn('evaluate', '--run', run, '--weights', 'teacher-latest', '--json'),
    ]);
    const how = { mode: 'original', tta: false };
    expect(resultOf(latest)).toEqual({ ...student, ...how, images: 4, weights: join(run, 'latest/student.safetensors') });
    expect(resultOf(ofTeacher)).toEqual({ ...teacher, ...how, images: 4, weights: join(run, 'latest/teacher.safetensors') });
    expect(Object.keys(student.iou)).toEqual(classes);
  });

  it('predicts label maps with the palette, of the score that was logged, and overlays of the size of the image', async () => {
    const out = join(set.root, 'predictions');
    const images = namesOf('val').map((name) => join(set.root, `images/${name}.jpg`));
    const { code, stdout } = await dssn('predict', '--run', run, '--weights', 'latest', '--out', out, '--json', ...images);
    expect(code).toBe(0);
    const expected = namesOf('val').map((name, k) => ({
      image: images[k],
      mask: `${out}/${name}.png`,
      overlay: `${out}/${name}-overlay.png`,
    }));
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(expected);
    const matrix = new ConfusionMatrix(classes.length);
    for (const [k, { mask, overlay }] of expected.entries()) {
      const predicted = decode(readFileSync(mask));
      const truth = decode(readFileSync(join(set.root, `masks/val${k}.png`)));
      const { width, height } = await sharp(overlay).metadata();
      expect([predicted.width, predicted.height, width, height]).toEqual([truth.width, truth.height, truth.width, truth.height]);
      expect(predicted.palette?.slice(0, classes.length)).toEqual(palette);
      matrix.add(predicted.data as Uint8Array, truth.data as Uint8Array);
    }
    expect(matrix.miou()).toBeCloseTo(lastEvaluation(run).student.miou, 9);
  });

  it('predicts a folder by a file of weights alone', async () => {
    const out = join(set.root, 'more');
    const file = join(run, 'teacher-best/teacher.safetensors');
    const { code, stdout } = await dssn('predict', '--checkpoint', file, '--out', out, join(set.root, 'masks'));
    expect(code).toBe(0);
    expect(stdout).toContain(`${out}/val3.png  ${out}/val3-overlay.png`);
    expect(decode(readFileSync(join(out, 'val3.png'))).palette?.slice(0, 3)).toEqual(palette);
  });
});

describe('other settings', () => {
  it.each([
    ['method=supervised', 'train.precision=bf16', 'data.long_side=40', 'eval.mode=sliding_window'],
    ['data.cutmix_partner=other', 'train.precision=bf16', 'data.long_side=40', 'eval.mode=center_crop'],
  ])('%s, %s, %s, %s: trains, and is evaluated as it was in training', async (...settings) => {
    const run = join(set.root, settings[0]!);
    expect(resultOf(await train(run, 'train.iterations=2', ...settings))).toMatchObject({ status: 'finished', iterations: 2 });
    const { student } = lastEvaluation(run);
    expect(student.miou).toBeGreaterThan(0);
    expect(resultOf(await dssn('evaluate', '--run', run, '--weights', 'latest', '--json'))).toMatchObject(student);
  });
});

describe('pseudo-labels of one class alone', () => {
  it('are warned of, on the terminal and in the events, as are classes of which none is kept', async () => {
    const run = join(set.root, 'collapsed');
    // Every label is ground's, and the teacher is the student as it was.
    const ended = await train(
      run,
      ...['data.label_map={0: 0, 1: 0, 2: 0}', 'model.backbone=resnet10', 'model.decoder_channels=8', 'train.ema=0.1', 'train.lr=0.05'],
      ...['train.iterations=36', 'train.burn_in=0.4', 'train.eval_every=36'],
    );
    resultOf(ended);
    const told = [
      /^pseudo-labels have collapsed: (100\.0|99\.9) % of the pixels of the last 20 batches looked at are labelled ground; a longer train\.burn_in/,
      /^no pseudo-label of sky, block was kept in the last \d+ batches looked at: unlabelled images teach nothing about them yet$/,
    ];
    const events = RunFolder.open(run).events();
    const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));
    expect(warnings).toEqual(told.map((text) => expect.stringMatching(text)));
    for (const text of warnings) expect(ended.stderr).toContain(`warning: ${text}\n`);
  });
});

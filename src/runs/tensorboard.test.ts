import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { afterAll, describe, expect, it } from 'vitest';
import { readEventFiles } from '../../test/support/tensorboard.ts';
import type { EvalEvent, TrainEvent } from './events.ts';
import { TensorBoardLog } from './tensorboard.ts';

const root = mkdtempSync(join(tmpdir(), 'dssn-tensorboard-'));
afterAll(() => rmSync(root, { recursive: true }));

const newRun = (name: string): string => {
  const run = join(root, name);
  mkdirSync(run);
  return run;
};
const silent = (): void => undefined;

const step = (iteration: number, losses: TrainEvent['losses']): TrainEvent => ({
  ...{ type: 'train', iteration, epoch: 0, losses, lr: 0.25, iterations_per_s: 2, images_per_s: 8 },
});

/** Tag to value of each event that holds numbers, with its step. */
const numbersOf = (run: string): Record<string, number>[] =>
  readEventFiles(run)
    .flatMap(({ events }) => events)
    .flatMap((event) =>
      event.summary
        ? [{ step: event.step, ...Object.fromEntries(event.summary.value.map(({ tag, simpleValue }) => [tag, simpleValue!])) }]
        : [],
    );

describe('what TensorBoard gets of a run', () => {
  it('has the published tags: means of what stands for two losses, our own names for the rest', () => {
    const run = newRun('tags');
    const log = new TensorBoardLog(run, undefined, silent);
    const dssn = { loss: 8, loss_x: 1, loss_s1: 2, loss_s2: 4, loss_fp1: 0.5, loss_fp2: 1.5, loss_con_img: 16, loss_con_feat: 32 };
    log.append({ ...step(1, dssn), kept: 0.5, kept_strong: 0.75 });
    log.append(step(2, { loss: 4, loss_x: 8, loss_s1: 0.5, loss_new: 2 }));
    log.append({ type: 'note', iteration: 2, text: 'nothing to draw' });
    const student = { miou: 50, iou: { road: 75, 'traffic light': 25 } };
    const evaluation: EvalEvent = { type: 'eval', iteration: 2, student, teacher: { miou: 62.5, iou: { road: 100, 'traffic light': 25 } } };
    log.append(evaluation);
    log.append({ type: 'eval', iteration: 3, student });
    log.close();
    const pace = { 'train/lr': 0.25, 'train/iterations_per_s': 2, 'train/images_per_s': 8 };
    const ofStudent = { 'eval/mIoU': 50, 'eval/road_IoU': 75, 'eval/traffic light_IoU': 25 };
    expect(numbersOf(run)).toEqual([
      {
        ...{ step: 1, 'train/loss_all': 8, 'train/loss_x': 1, 'train/loss_s': 3, 'train/loss_w_fp': 1 },
        ...{ 'train/loss_s_mse': 16, 'train/loss_fp_mse': 32, 'train/mask_ratio': 0.5, 'train/kept_strong': 0.75, ...pace },
      },
      { step: 2, 'train/loss_all': 4, 'train/loss_x': 8, 'train/loss_s': 0.5, 'train/loss_new': 2, ...pace },
      { step: 2, ...ofStudent, 'eval/mIoU_ema': 62.5, 'eval/road_IoU_ema': 100, 'eval/traffic light_IoU_ema': 25 },
      { step: 3, ...ofStudent },
    ]);
  });

  it('has pictures, pixel by pixel', () => {
    const run = newRun('pictures');
    const log = new TensorBoardLog(run, undefined, silent);
    const picture = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => 14 * i) };
    log.appendPictures(7, () => [{ tag: 'eval/predictions/1', picture }]);
    log.close();
    const [event] = readEventFiles(run)[0]!.events.slice(1);
    const { tag, image } = event!.summary!.value[0]!;
    expect([event!.step, tag, image!.width, image!.height, image!.colorspace]).toEqual([7, 'eval/predictions/1', 3, 2, 3]);
    expect(decode(image!.encodedImageString)).toMatchObject({ width: 3, height: 2, channels: 3, data: picture.data });
  });
});

describe('sessions', () => {
  it('each write a file of their own, later in name; a resumed one takes back what lies beyond its checkpoint', () => {
    const run = newRun('sessions');
    const sessions = [undefined, 4, 4].map((from) => {
      const log = new TensorBoardLog(run, from, silent);
      log.append(step((from ?? 0) + 1, { loss: 1 }));
      log.close();
      return from;
    });
    expect(sessions).toHaveLength(3);
    const files = readEventFiles(run);
    for (const { name } of files) expect(name).toMatch(/^events\.out\.tfevents\.\d{10}\./);
    expect(files[0]!.name.endsWith(`.${hostname()}`)).toBe(true);
    const beginning = { step: 0, fileVersion: 'brain.Event:2' };
    const start = { step: 5, sessionLog: { status: 'START' } };
    const begun = files.map(({ events }) => events.map(({ wallTime: _, summary, ...rest }) => (summary ? rest.step : rest)));
    expect(begun).toEqual([
      [beginning, 1],
      [beginning, start, 5],
      [beginning, start, 5],
    ]);
  });

  it('that begin anew take away the files of the run before, and nothing else', () => {
    const run = newRun('anew');
    new TensorBoardLog(run, undefined, silent).close();
    new TensorBoardLog(run, 3, silent).close();
    writeFileSync(join(run, 'tensorboard', 'mine.txt'), '');
    new TensorBoardLog(run, undefined, silent).close();
    expect(readdirSync(join(run, 'tensorboard'))).toHaveLength(2);
  });

  it('go on beside a file that a crash cut short', () => {
    const run = newRun('cut');
    const log = new TensorBoardLog(run, undefined, silent);
    log.append(step(1, { loss: 1 }));
    log.close();
    const [name] = readdirSync(join(run, 'tensorboard'));
    truncateSync(join(run, 'tensorboard', name!), 50);
    const warnings: string[] = [];
    const next = new TensorBoardLog(run, 0, (text) => warnings.push(text));
    next.append(step(1, { loss: 1 }));
    next.close();
    expect([readdirSync(join(run, 'tensorboard')).length, warnings]).toEqual([2, []]);
  });
});

describe('where it cannot be written', () => {
  it('warns once, and never throws', () => {
    const run = newRun('refused');
    writeFileSync(join(run, 'tensorboard'), 'a file');
    const warnings: [string, number][] = [];
    const log = new TensorBoardLog(run, 8, (text, iteration) => warnings.push([text, iteration]));
    log.append(step(9, { loss: 1 }));
    log.appendPictures(9, () => expect.fail('nobody looks at it'));
    log.close();
    expect(warnings).toEqual([[expect.stringMatching(/tensorboard: no longer written, the training goes on: EEXIST/), 8]]);
  });

  it('stops at a failure on the way', () => {
    const run = newRun('failing');
    const warnings: string[] = [];
    const log = new TensorBoardLog(run, undefined, (text) => warnings.push(text));
    log.appendPictures(1, () => {
      throw new Error('no space left');
    });
    log.append(step(2, { loss: 1 }));
    log.close();
    expect(warnings).toEqual([expect.stringContaining('the training goes on: no space left')]);
    expect(numbersOf(run)).toEqual([]);
  });
});

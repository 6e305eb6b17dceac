/**
 * A run for TensorBoard: `RUN/tensorboard/events.out.tfevents.SECONDS.HOST`, one file a session. Follows the run's events; where it
 * cannot be written it stops with one warning, and the run goes on.
 *
 * Tags are those that the field's programs write. DSSN's (github.com/kunzhan/DSSN, voc/DSSN.py): `train/loss_all`, `train/loss_x`,
 * `train/loss_s` and `train/loss_w_fp` (each the mean of its two), `train/loss_s_mse` and `train/loss_fp_mse` (the contrastive
 * losses in image and in feature space), `train/mask_ratio`, `eval/mIoU`, `eval/CLASS_IoU` (of the student). UniMatch-V2's
 * (github.com/LiheYoung/UniMatch-V2, unimatch_v2.py), since DSSN's writes nothing of its teacher: `eval/mIoU_ema`,
 * `eval/CLASS_IoU_ema`. Our own: every other loss by its name, `train/lr`, `train/kept_strong`, `train/iterations_per_s`,
 * `train/images_per_s`. A step is an SGD step, also of evaluations, which those programs count in epochs.
 */
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { messageOf } from '../base/errors.ts';
import type { Rgb } from '../data/types.ts';
import { type EventContent, type EventValue, eventRecord, FILE_VERSION } from '../formats/tensorboard.ts';
import type { EvalEvent, RunEvent, Scores, TrainEvent } from './events.ts';
import { rgbPng } from './pictures.ts';

/** A picture of how a run gets on. */
export interface RunPicture {
  readonly tag: string;
  readonly picture: Rgb;
}

const FOLDER = 'tensorboard';
const FILE = /^events\.out\.tfevents\.(\d+)\./;

/** Published tags that gather our losses: the mean of those that a step has. */
const gathered: Readonly<Record<string, readonly string[]>> = {
  loss_all: ['loss'],
  loss_x: ['loss_x'],
  loss_s: ['loss_s1', 'loss_s2'],
  loss_w_fp: ['loss_fp1', 'loss_fp2'],
  loss_s_mse: ['loss_con_img'],
  loss_fp_mse: ['loss_con_feat'],
};

function valuesOfStep({ losses, kept, kept_strong, lr, iterations_per_s, images_per_s }: TrainEvent): EventValue[] {
  const known = Object.values(gathered).flat();
  const published = Object.entries(gathered).flatMap(([tag, names]) => {
    const values = names.flatMap((name) => losses[name] ?? []);
    return values.length > 0 ? [[tag, values.reduce((sum, value) => sum + value, 0) / values.length] as const] : [];
  });
  const others = Object.entries(losses).filter(([name]) => !known.includes(name));
  const shares = { mask_ratio: kept, kept_strong, lr, iterations_per_s, images_per_s };
  const rest = Object.entries(shares).flatMap(([tag, value]) => (value === undefined ? [] : [[tag, value] as const]));
  return [...published, ...others, ...rest].map(([tag, scalar]) => ({ tag: `train/${tag}`, scalar }));
}

function valuesOfScores({ miou, iou }: Scores, ending: string): EventValue[] {
  const classes = Object.entries(iou).map(([name, scalar]) => ({ tag: `eval/${name}_IoU${ending}`, scalar }));
  return [{ tag: `eval/mIoU${ending}`, scalar: miou }, ...classes];
}

const valuesOfEvaluation = ({ student, teacher }: EvalEvent): EventValue[] => [
  ...valuesOfScores(student, ''),
  ...(teacher ? valuesOfScores(teacher, '_ema') : []),
];

/** What TensorBoard shows of an event. */
function valuesOf(event: RunEvent): EventValue[] {
  if (event.type === 'train') return valuesOfStep(event);
  return event.type === 'eval' ? valuesOfEvaluation(event) : [];
}

/** The session's file, new. TensorBoard reads files in the order of their names, so it is named later than all that are there. */
function openFile(folder: string): number {
  const earlier = readdirSync(folder).map((name) => Number(FILE.exec(name)?.[1] ?? 0));
  const seconds = Math.max(Math.floor(Date.now() / 1000), ...earlier.map((second) => second + 1));
  const host = os.hostname().replace(/[^\w.-]/g, '_');
  return openSync(path.join(folder, `events.out.tfevents.${String(seconds).padStart(10, '0')}.${host}`), 'wx');
}

export class TensorBoardLog {
  readonly #warn: (text: string, iteration: number) => void;
  readonly #folder: string;
  #file: number | undefined;

  /**
   * Begins a session's file.
   * @param from SGD steps done before it: what earlier files say beyond them counts no more. Undefined for a new run, which takes
   *   away the files of an earlier one.
   * @param warn told once, where the files cannot be written
   */
  constructor(run: string, from: number | undefined, warn: (text: string, iteration: number) => void) {
    this.#warn = warn;
    this.#folder = path.join(run, FOLDER);
    this.#guarded(from ?? 0, () => {
      mkdirSync(this.#folder, { recursive: true });
      if (from === undefined)
        for (const name of readdirSync(this.#folder)) if (FILE.test(name)) rmSync(path.join(this.#folder, name), { force: true });
      this.#file = openFile(this.#folder);
      this.#write(0, { fileVersion: FILE_VERSION });
      if (from !== undefined) this.#write(from + 1, { session: 'start' });
    });
  }

  append(event: RunEvent): void {
    if (this.#file === undefined) return;
    const values = valuesOf(event);
    if (values.length > 0) this.#guarded(event.iteration, () => this.#write(event.iteration, { values }));
  }

  /** @param pictures called where there is somewhere to write to */
  appendPictures(iteration: number, pictures: () => readonly RunPicture[]): void {
    if (this.#file === undefined) return;
    this.#guarded(iteration, () => {
      const values = pictures().map(({ tag, picture }) => {
        const { width, height } = picture;
        return { tag, image: { width, height, colorspace: 3, png: rgbPng(picture) } } as const;
      });
      this.#write(iteration, { values });
    });
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #write(step: number, content: EventContent): void {
    const record = eventRecord({ wallTime: Date.now() / 1000, step, ...content });
    for (let written = 0; written < record.length; ) written += writeSync(this.#file!, record, written);
  }

  /** After a failure nothing more is written: a record cut short would hide those behind it. */
  #guarded(iteration: number, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.close();
      this.#warn(`${this.#folder}: no longer written, the training goes on: ${messageOf(error)}`, iteration);
    }
  }
}

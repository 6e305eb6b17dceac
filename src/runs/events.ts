/**
 * `events.jsonl`: what happened in a run, one JSON object a line, only ever appended to. `iteration` counts the SGD steps done,
 * so the first step's event says 1. Everything that shows a run reads this file; a reader can neither slow nor break the run.
 */
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { DataError } from '../base/errors.ts';

export const EVENTS = 'events.jsonl';

/** mIoU and IoU by class, in percent. */
export interface Scores {
  /** Mean over every class, also one that occurs nowhere (IoU 0), as published. */
  readonly miou: number;
  /** Mean over the classes that occur in the truth or in the prediction, at a pixel that is not ignored. Runs of early versions lack it. */
  readonly miou_present?: number;
  readonly iou: Readonly<Record<string, number>>;
}

/**
 * `early-1` and `early-2`: the student after a third and two thirds of ST++'s first round; `labeller`: the best student of the
 * round before, which labels images for the present one.
 */
export type WeightsKind = 'latest' | 'best' | 'teacher-best' | 'early-1' | 'early-2' | 'labeller';

export interface TrainEvent {
  readonly type: 'train';
  readonly iteration: number;
  /** Of a method of several rounds: which one, from 1. */
  readonly round?: number;
  readonly epoch: number;
  /** Losses by name, of this step. */
  readonly losses: Readonly<Record<string, number>>;
  /** Learning rate of the backbone. */
  readonly lr: number;
  /** Share of the unlabelled pixels whose pseudo-label counted, 0 to 1; left out where no pseudo-label is used. */
  readonly kept?: number;
  /** The same of the CutMixed strong views. */
  readonly kept_strong?: number;
  /** By class: the share of the weak views' valid pixels that have it as their pseudo-label; classes of no pixel are left out. */
  readonly pseudo_by_class?: Readonly<Record<string, number>>;
  /** By the same classes: the share of these pixels that counted, 0 to 1. */
  readonly kept_by_class?: Readonly<Record<string, number>>;
  readonly iterations_per_s: number;
  readonly images_per_s: number;
}

export interface EvalEvent {
  readonly type: 'eval';
  readonly iteration: number;
  readonly round?: number;
  readonly student: Scores;
  readonly teacher?: Scores;
  /** mIoU on the labelled images that are held out (data.holdout), by which the best is chosen. */
  readonly holdout?: { readonly student: number; readonly teacher: number };
  readonly seconds?: number;
}

export interface CheckpointEvent {
  readonly type: 'checkpoint';
  readonly iteration: number;
  readonly kind: WeightsKind;
}

export interface TextEvent {
  readonly type: 'note' | 'warning';
  readonly iteration: number;
  readonly text: string;
}

/** An iteration whose loss or gradient was not finite: it left everything as it was. */
export interface SkipEvent {
  readonly type: 'skip';
  readonly iteration: number;
  readonly round?: number;
  readonly reason: string;
  /** The images of its batch. */
  readonly images: readonly string[];
}

export interface EndEvent {
  readonly type: 'end';
  readonly iteration: number;
  readonly status: 'finished' | 'interrupted' | 'failed';
}

export type RunEvent = TrainEvent | EvalEvent | CheckpointEvent | TextEvent | SkipEvent | EndEvent;

/** An event as it stands in the file: with the time of writing (ISO 8601, UTC). */
export type LoggedEvent = RunEvent & { readonly time: string };

const types = ['train', 'eval', 'checkpoint', 'note', 'warning', 'skip', 'end'];

interface Line {
  readonly event: LoggedEvent | undefined;
  /** Bytes from the file's start to the line's. */
  readonly offset: number;
}

/** The whole lines of the file; a last line without its end is still being written, or was cut by a crash, and does not count. */
function readLines(file: string): { lines: Line[]; end: number } {
  const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const lines: Line[] = [];
  let offset = 0;
  for (let number = 1; ; number++) {
    const newline = bytes.indexOf(10, offset);
    if (newline < 0) return { lines, end: offset };
    lines.push({ event: parseLine(bytes.toString('utf8', offset, newline), `${file}:${number}`), offset });
    offset = newline + 1;
  }
}

/** An event; undefined for a type that this version does not know. */
function parseLine(text: string, where: string): LoggedEvent | undefined {
  let event: { type?: unknown; iteration?: unknown } | null;
  try {
    event = JSON.parse(text) as typeof event;
  } catch (error) {
    throw new DataError(`${where}: not a line of JSON: ${text.slice(0, 60)}`, { cause: error });
  }
  if (typeof event?.type !== 'string' || typeof event.iteration !== 'number')
    throw new DataError(`${where}: not an event: ${text.slice(0, 60)}; allowed: an object with type and iteration`);
  return types.includes(event.type) ? (event as LoggedEvent) : undefined;
}

/** All events of a run so far, in order. Types that this version does not know are left out. */
export function readEvents(file: string): LoggedEvent[] {
  return readLines(file).lines.flatMap(({ event }) => (event ? [event] : []));
}

/** Appends events; each is in the file, whole, when `append` returns (in the operating system's hands, not yet on the disk). */
export class EventWriter {
  readonly #descriptor: number;
  /** Bytes of the whole lines. */
  #length: number;

  private constructor(descriptor: number, length: number) {
    this.#descriptor = descriptor;
    this.#length = length;
  }

  /**
   * Opens a file to append to, and cuts it so that it tells one story: events beyond `iteration`, from the first of them on,
   * an `end` that was none, and a line cut by a crash go. `iteration` -1 starts anew.
   * @param evaluated the iteration that the checkpoint was last evaluated at: an evaluation after it will be made again.
   */
  static open(file: string, iteration: number, evaluated = iteration): EventWriter {
    const keep = iteration < 0 ? 0 : cutAt(file, iteration, evaluated);
    const descriptor = openSync(file, 'a');
    ftruncateSync(descriptor, keep);
    return new EventWriter(descriptor, keep);
  }

  append(event: RunEvent): void {
    const line = Buffer.from(`${JSON.stringify({ ...event, time: new Date().toISOString() })}\n`);
    try {
      for (let written = 0; written < line.length; ) written += writeSync(this.#descriptor, line, written);
    } catch (error) {
      // Half a line would spoil the next one.
      ftruncateSync(this.#descriptor, this.#length);
      throw error;
    }
    this.#length += line.length;
  }

  /** Waits until the disk has everything. */
  flush(): void {
    fsyncSync(this.#descriptor);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Bytes to keep when a run goes on from `iteration`. */
function cutAt(file: string, iteration: number, evaluated: number): number {
  const { lines, end } = readLines(file);
  const isBeyond = (event: LoggedEvent): boolean =>
    event.iteration > iteration || event.type === 'end' || (event.type === 'eval' && event.iteration > evaluated);
  const beyond = lines.find(({ event }) => event && isBeyond(event));
  return beyond?.offset ?? end;
}

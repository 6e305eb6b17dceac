/**
 * How a task's progress is shown: one line that is redrawn on a terminal, plain lines every ten seconds elsewhere, nothing for
 * other programs. All three are `Reporter`s, so a task does not know which.
 */
import picocolors from 'picocolors';
import type { Cell, Progress, Reporter } from '../tasks/types.ts';
import { formatTable } from './table.ts';

/** Where text goes: a stream, or a test. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const REDRAW_MS = 100;
const PLAIN_MS = 10_000;

/** Seconds as 0:07, 12:34 or 1:02:03. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number): string => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** A rate with three digits or so. */
function rate(perSecond: number): string {
  return perSecond >= 100 ? perSecond.toFixed(0) : perSecond >= 10 ? perSecond.toFixed(1) : perSecond.toFixed(2);
}

interface Work {
  readonly label: string;
  readonly total: number;
  readonly unit: string;
  readonly done: number;
  readonly began: number;
}

/** The parts of a progress line, each with its rank: the higher, the sooner it is left out of a narrow line. */
function partsOf(work: Work, progress: Progress, now: number): { text: string; rank: number }[] {
  const { iteration, losses = {} } = progress;
  const elapsed = (now - work.began) / 1000;
  const measured = elapsed > 0 && iteration > work.done ? (iteration - work.done) / elapsed : undefined;
  const speed = progress.iterationsPerSecond ?? measured;
  const parts = [{ text: `${work.label} ${iteration}/${work.total} ${Math.floor((100 * iteration) / Math.max(1, work.total))}%`, rank: 0 }];
  const add = (rank: number, text: string | undefined): void => {
    if (text !== undefined) parts.push({ text, rank });
  };
  add(6, progress.epoch === undefined ? undefined : `epoch ${progress.epoch}`);
  add(2, speed === undefined ? undefined : `${rate(speed)} ${work.unit === 'iteration' ? 'it' : work.unit}/s`);
  add(5, progress.imagesPerSecond === undefined ? undefined : `${rate(progress.imagesPerSecond)} img/s`);
  add(3, losses.loss === undefined ? undefined : `loss ${losses.loss.toFixed(3)}`);
  const others = Object.entries(losses).filter(([name]) => name !== 'loss');
  add(8, others.length === 0 ? undefined : others.map(([name, value]) => `${name.replace(/^loss_/, '')} ${value.toFixed(3)}`).join(' '));
  add(4, progress.kept === undefined ? undefined : `kept ${Math.round(100 * progress.kept)}%`);
  add(7, progress.lr === undefined ? undefined : `lr ${progress.lr.toPrecision(3)}`);
  add(1, speed === undefined || speed <= 0 ? undefined : `${formatSeconds((work.total - iteration) / speed)} left`);
  return parts;
}

/** A progress line of at most `width` characters: the parts that matter least are left out first. */
function progressLine(work: Work, progress: Progress, now: number, width: number): string {
  let parts = partsOf(work, progress, now);
  const join = (): string => parts.map((part) => part.text).join('  ');
  while (join().length > width && parts.length > 1) {
    const worst = Math.max(...parts.map((part) => part.rank));
    parts = parts.filter((part) => part.rank !== worst);
  }
  return join().slice(0, width);
}

/** Text on a sink: a redrawn line where it is a terminal, else a line now and then. */
export class TextReporter implements Reporter {
  readonly #sink: Sink;
  readonly #clock: () => number;
  readonly #colours: ReturnType<typeof picocolors.createColors>;
  #work: Work | undefined;
  #last: Progress | undefined;
  #shownAt = Number.NEGATIVE_INFINITY;
  /** The last progress that was printed (plain), or whether a line stands on the terminal. */
  #shown: Progress | undefined;

  constructor(sink: Sink, clock: () => number = () => performance.now()) {
    this.#sink = sink;
    this.#clock = clock;
    this.#colours = picocolors.createColors(sink.isTTY === true && !process.env.NO_COLOR);
  }

  start(total: number, label: string, options: { readonly unit?: string; readonly done?: number } = {}): void {
    this.#clear();
    this.#work = { label, total, unit: options.unit ?? 'iteration', done: options.done ?? 0, began: this.#clock() };
    this.#last = undefined;
    this.#shownAt = Number.NEGATIVE_INFINITY;
  }

  update(progress: Progress): void {
    this.#last = progress;
    const now = this.#clock();
    if (now - this.#shownAt < (this.#sink.isTTY ? REDRAW_MS : PLAIN_MS)) return;
    this.#shownAt = now;
    this.#show();
  }

  end(text?: string): void {
    if (this.#sink.isTTY) this.#clear();
    if (text !== undefined) this.#sink.write(`${text}\n`);
    else if (this.#last && (this.#sink.isTTY || this.#shown !== this.#last)) this.#print();
    this.#work = undefined;
    this.#last = undefined;
    this.#shown = undefined;
  }

  note(text: string): void {
    this.#clear();
    this.#sink.write(`${text}\n`);
    this.#redraw();
  }

  warning(text: string): void {
    this.note(this.#colours.yellow(`warning: ${text}`));
  }

  table(head: readonly string[], rows: readonly (readonly Cell[])[]): void {
    const [first = '', ...others] = formatTable(head, rows).split('\n');
    this.note([this.#colours.bold(first), ...others].join('\n'));
  }

  #show(): void {
    if (this.#sink.isTTY) {
      this.#clear();
      this.#redraw();
    } else this.#print();
  }

  #print(): void {
    if (!this.#work || !this.#last) return;
    this.#sink.write(`${progressLine(this.#work, this.#last, this.#clock(), Number.POSITIVE_INFINITY)}\n`);
    this.#shown = this.#last;
  }

  /** Wipes the terminal's progress line. */
  #clear(): void {
    if (this.#sink.isTTY && this.#shown) {
      this.#sink.write('\r\u001b[2K');
      this.#shown = undefined;
    }
  }

  #redraw(): void {
    if (!this.#sink.isTTY || !this.#work || !this.#last) return;
    this.#sink.write(progressLine(this.#work, this.#last, this.#clock(), Math.max(20, (this.#sink.columns ?? 80) - 1)));
    this.#shown = this.#last;
  }
}

/** Shows nothing: for programs that use the tasks as a library. */
export const silentReporter: Reporter = {
  start: () => undefined,
  update: () => undefined,
  end: () => undefined,
  note: () => undefined,
  warning: () => undefined,
  table: () => undefined,
};

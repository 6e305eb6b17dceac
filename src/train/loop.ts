/**
 * The training loop, the same for every method: batch, step, log, evaluate, checkpoint. It awaits at least once a step, so that
 * signals, workers and finalisers live.
 */

import { DataError } from '../base/errors.ts';
import { toViews } from '../batch/index.ts';
import type { Config } from '../config/schema.ts';
import type { EvalItem, TrainBatch } from '../data/loader/index.ts';
import type { LabelMap, Rgb } from '../data/types.ts';
import type { StepResult } from '../methods/index.ts';
import type { Scores, TrainEvent } from '../runs/events.ts';
import type { RunWriter } from '../runs/folder.ts';
import { scope } from '../torch/index.ts';
import { type Progress, saveBest, saveLatest } from './checkpoint.ts';
import { evaluateNetworks, type Viewing } from './evaluate.ts';
import type { Stepper } from './step.ts';
import type { Watch } from './watch.ts';
import type { DataDescription } from './weights.ts';

/** A pseudo-label on the way, for people to look at. */
export interface PseudoLabelPicture {
  readonly iteration: number;
  readonly image: Rgb;
  readonly labels: LabelMap;
  /** 1 where the pixel was learnt from. */
  readonly kept: LabelMap;
}

/** Where the loop tells how it is getting on. */
export interface LoopReporter {
  update(progress: {
    readonly iteration: number;
    readonly epoch: number;
    readonly losses: Readonly<Record<string, number>>;
    readonly lr: number;
    readonly kept?: number;
    readonly iterationsPerSecond: number;
    readonly imagesPerSecond: number;
  }): void;
  note(text: string): void;
}

export interface LoopOptions {
  readonly config: Config;
  readonly stepper: Stepper;
  readonly run: RunWriter;
  /** How far the run has come; kept up to date, also where the loop throws. */
  readonly progress: Progress;
  readonly data: DataDescription;
  readonly viewing: Viewing;
  readonly batches: { next(): Promise<TrainBatch> };
  /** The validation images, from the first, each time it is called. */
  readonly validation: () => AsyncIterable<EvalItem>;
  /**
   * SGD steps that the run had done before this loop's first, and after its last. The progress and the events count from the
   * start of the run; the batches and the steps from `first`.
   */
  readonly first: number;
  readonly iterations: number;
  /** Which round of a method of several, from 1. */
  readonly round?: number;
  readonly iterationsPerEpoch: number;
  readonly reporter: LoopReporter;
  readonly signal: AbortSignal | undefined;
  /** Called after each step with the number of steps done since `first`. */
  readonly afterStep?: (done: number) => void;
  /** Sees pseudo-labels after the iterations that it asks for. */
  readonly pseudoLabels?: { wants(iteration: number): boolean; take(picture: PseudoLabelPicture): void };
  /** Makes pictures of each evaluation. */
  readonly watch?: Watch;
}

/** Iterations per second over the last steps, evaluations and checkpoints left out. */
class Speed {
  #seconds = 0;
  /** Weight of a new step: the average forgets after about 20. */
  static readonly weight = 0.05;
  #steps = 0;

  add(seconds: number): void {
    this.#steps++;
    const weight = Math.max(Speed.weight, 1 / this.#steps);
    this.#seconds += weight * (seconds - this.#seconds);
  }
  get perSecond(): number {
    return this.#seconds > 0 ? 1 / this.#seconds : 0;
  }
}

/** Images that a step learns from. */
const imagesOf = ({ batchSize, unlabelled, mix }: TrainBatch): number => batchSize * (1 + (unlabelled ? 1 : 0) + (mix ? 1 : 0));

/**
 * Runs until all is done or the signal is aborted; then, and where a file turns out to be unusable, saves what was learnt.
 * @returns false when it was interrupted.
 */
export async function runLoop(options: LoopOptions): Promise<boolean> {
  const { stepper, run, progress, data } = options;
  const before = progress.done;
  const save = (): void => saveLatest(run, stepper, data, progress);
  try {
    const whole = await learnAll(options, save);
    if (!whole && progress.done > before) save();
    return whole;
  } catch (error) {
    if (error instanceof DataError && progress.done > before) save();
    throw error;
  }
}

async function learnAll(options: LoopOptions, save: () => void): Promise<boolean> {
  const { config, run, progress, reporter, signal, first, iterations } = options;
  const round = options.round === undefined ? {} : { round: options.round };
  const speed = new Speed();
  const { log_every: logEvery, checkpoint_every: checkpointEvery } = config.train;
  const isDue = (): boolean => isEvaluatedAfter(options, progress.done);
  // An earlier process may have been stopped while it evaluated.
  if (isDue() && progress.evaluated < progress.done) {
    if (!(await evaluate(options))) return false;
    save();
  }
  while (progress.done < iterations) {
    await eventLoop();
    if (signal?.aborted) return false;
    const began = performance.now();
    const batch = await options.batches.next();
    const { values, lr } = learn(options, batch);
    progress.done = first + batch.iteration + 1;
    speed.add((performance.now() - began) / 1000);
    options.afterStep?.(batch.iteration + 1);

    const { done } = progress;
    const { mask_ratio: kept, kept_s1, kept_s2, ...losses } = values;
    const pace = { iterations_per_s: speed.perSecond, images_per_s: speed.perSecond * imagesOf(batch) };
    reporter.update({
      iteration: done,
      epoch: batch.epoch,
      losses,
      lr,
      iterationsPerSecond: pace.iterations_per_s,
      imagesPerSecond: pace.images_per_s,
      ...(kept !== undefined && { kept }),
    });
    if (done % logEvery === 0 || done === iterations || done === first + 1) {
      const strong = [kept_s1, kept_s2].filter((share) => share !== undefined);
      const shares = kept === undefined ? {} : { kept, kept_strong: strong.reduce((sum, share) => sum + share, 0) / strong.length };
      const event: TrainEvent = { type: 'train', iteration: done, ...round, epoch: batch.epoch, losses, lr, ...shares, ...pace };
      run.append(event);
    }
    if (isDue() && !(await evaluate(options))) return false;
    if (isDue() || (checkpointEvery !== null && (done - first) % checkpointEvery === 0)) save();
  }
  return true;
}

/** Whether the networks are evaluated once so many steps of the run are done. */
function isEvaluatedAfter({ config, first, iterations, iterationsPerEpoch }: LoopOptions, done: number): boolean {
  return done > first && ((done - first) % (config.train.eval_every ?? iterationsPerEpoch) === 0 || done === iterations);
}

/**
 * Lets signals and timers in. Awaiting a batch is not enough: Node hands over all of a port's messages in one turn of its event
 * loop, workers send more while a step runs inside that turn, and SIGTERM went unheard for minutes.
 */
const eventLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One step on a batch; gives the batch's memory back. */
function learn(options: LoopOptions, batch: TrainBatch): ReturnType<Stepper['step']> {
  using _ = scope();
  const { stepper, pseudoLabels, viewing, first, watch } = options;
  const views = toViews(batch, viewing.device);
  const iteration = first + batch.iteration + 1;
  const takers = [
    ...(pseudoLabels?.wants(iteration) ? [pseudoLabels.take] : []),
    ...(watch && isEvaluatedAfter(options, iteration) ? [watch.takePseudoLabels] : []),
  ];
  const picture = takers.length > 0 ? pictureOf(batch) : undefined;
  batch.release();
  return stepper.step(views, batch.iteration, (result) => {
    if (picture) takePicture(result, picture, iteration, takers);
  });
}

/** A copy of the first weak crop. */
function pictureOf({ unlabelled, cropSize }: TrainBatch): Rgb | undefined {
  return unlabelled && { width: cropSize, height: cropSize, data: unlabelled.weak.slice(0, cropSize * cropSize * 3) };
}

function takePicture(result: StepResult, image: Rgb, iteration: number, takers: readonly ((picture: PseudoLabelPicture) => void)[]): void {
  const found = result.pseudoLabels?.();
  if (!found) return;
  const size = { width: image.width, height: image.height };
  const bytes = (t: typeof found.labels) => ({ ...size, data: t.select(0, 0).to('uint8').toBytes() });
  const picture = { iteration, image, labels: bytes(found.labels), kept: bytes(found.keep) };
  for (const take of takers) take(picture);
}

/** Evaluates student and teacher, logs it, keeps the best. @returns false when it was interrupted. */
async function evaluate(options: LoopOptions): Promise<boolean> {
  const { stepper, run, progress, data, viewing, reporter, signal, watch } = options;
  const { done: iteration } = progress;
  const began = performance.now();
  watch?.begin();
  const found = await evaluateNetworks([stepper.student, stepper.teacher], options.validation(), data.classes, viewing, {
    signal,
    ...(watch && { onImage: (_, seen) => watch.see(seen) }),
  });
  if (!found) return false;
  const [student, teacher] = found.scores as [Scores, Scores];
  run.append({
    type: 'eval',
    iteration,
    ...(options.round !== undefined && { round: options.round }),
    student,
    teacher,
    seconds: (performance.now() - began) / 1000,
  });
  watch?.write(iteration);
  progress.evaluated = iteration;
  for (const [who, { miou }] of [
    ['student', student],
    ['teacher', teacher],
  ] as const) {
    progress[who].last = miou;
    if (miou <= progress[who].best) continue;
    progress[who].best = miou;
    saveBest(run, who, iteration, stepper, data, miou);
  }
  reporter.note(`iteration ${iteration}: mIoU of the student ${student.miou.toFixed(2)}, of the teacher ${teacher.miou.toFixed(2)}`);
  return true;
}

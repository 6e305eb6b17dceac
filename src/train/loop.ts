/**
 * The training loop, the same for every method: batch, step, log, evaluate, checkpoint. It awaits at least once a step, so that
 * signals, workers and finalisers live.
 */

import { join } from 'node:path';
import { DataError, TorchError } from '../base/errors.ts';
import { toViews } from '../batch/index.ts';
import type { Config } from '../config/schema.ts';
import type { EvalItem, TrainBatch } from '../data/loader/index.ts';
import type { LabelMap, Rgb } from '../data/types.ts';
import type { StepResult } from '../methods/index.ts';
import type { RunEvent, Scores } from '../runs/events.ts';
import type { RunWriter } from '../runs/folder.ts';
import { earlierWeights } from '../runs/weights.ts';
import { scope } from '../torch/index.ts';
import { type Progress, saveBest, saveLatest } from './checkpoint.ts';
import { evaluateNetworks, type Viewing } from './evaluate.ts';
import type { Gallery } from './gallery.ts';
import { sharesByClass } from './shares.ts';
import type { Stepper, StepValues } from './step.ts';
import { PseudoLabelWatch } from './watch.ts';
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
  warning(text: string): void;
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
  /** Likewise the images by which the best is chosen, where the validation images only judge it. */
  readonly heldOut?: () => AsyncIterable<EvalItem>;
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
  readonly gallery?: Gallery;
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
    if (!whole && progress.done > before && isWorthKeeping(options)) save();
    return whole;
  } catch (error) {
    if (error instanceof DataError && progress.done > before && isWorthKeeping(options)) save();
    throw error;
  }
}

async function learnAll(options: LoopOptions, save: () => void): Promise<boolean> {
  const { config, progress, reporter, signal, first, iterations } = options;
  const round = options.round === undefined ? {} : { round: options.round };
  const speed = new Speed();
  const { log_every: logEvery, checkpoint_every: checkpointEvery } = config.train;
  const say = watched(options);
  const isDue = (): boolean => isEvaluatedAfter(options, progress.done);
  // An earlier process may have been stopped while it evaluated.
  if (isDue() && progress.evaluated < progress.done && isWorthKeeping(options)) {
    if (!(await evaluate(options, say))) return false;
    save();
  }
  while (progress.done < iterations) {
    await eventLoop();
    if (signal?.aborted) return false;
    const began = performance.now();
    const done = progress.done + 1;
    const isLogged = done % logEvery === 0 || done === iterations || done === first + 1;
    const { values, lr, skipped, epoch, images, size, byClass } = await learn(options, isLogged);
    progress.done = done;
    speed.add((performance.now() - began) / 1000);
    options.afterStep?.(done - first);

    const { mask_ratio: kept, kept_s1, kept_s2, ...losses } = values;
    const pace = { iterations_per_s: speed.perSecond, images_per_s: speed.perSecond * size };
    reporter.update({
      iteration: done,
      epoch,
      losses,
      lr,
      iterationsPerSecond: pace.iterations_per_s,
      imagesPerSecond: pace.images_per_s,
      ...(kept !== undefined && { kept }),
    });
    if (skipped !== undefined) skip(options, skipped, images);
    else {
      progress.skipped = 0;
      if (isLogged) {
        const strong = [kept_s1, kept_s2].filter((share) => share !== undefined);
        const shares = kept === undefined ? {} : { kept, kept_strong: strong.reduce((sum, share) => sum + share, 0) / strong.length };
        say({ type: 'train', iteration: done, ...round, epoch, losses, lr, ...shares, ...byClass, ...pace });
      }
    }
    if (!isWorthKeeping(options)) continue;
    if (isDue() && !(await evaluate(options, say))) return false;
    if (isDue() || (checkpointEvery !== null && (done - first) % checkpointEvery === 0)) save();
  }
  return true;
}

/**
 * Steps that are left out in a row may come of ruined weights: what was kept before them is not replaced, until the end of the run.
 * One that is stopped meanwhile does these steps again, to the same bits.
 */
const isWorthKeeping = ({ progress, iterations }: LoopOptions): boolean => progress.skipped === 0 || progress.done === iterations;

/** Appends events, and warns where the watch on the pseudo-labels has something to say; it knows what the run has logged before. */
function watched({ run, reporter, data }: LoopOptions): (event: RunEvent) => void {
  const watch = new PseudoLabelWatch(data.classes);
  for (const event of run.events()) watch.see(event);
  return (event) => {
    run.append(event);
    const text = watch.see(event);
    if (text === undefined) return;
    run.append({ type: 'warning', iteration: event.iteration, text });
    reporter.warning(text);
  };
}

/** Logs an iteration that was left out. @throws TorchError when it is one too many in a row. */
function skip({ config, run, progress, reporter, round }: LoopOptions, reason: string, images: readonly string[]): void {
  progress.skipped++;
  run.append({ type: 'skip', iteration: progress.done, ...(round !== undefined && { round }), reason, images });
  const what = `iteration ${progress.done} is left out: ${reason}; its images: ${images.join(', ')}`;
  const most = config.train.max_skipped;
  if (progress.skipped > most) {
    const remedy =
      earlierWeights(run.path).length > 0
        ? `remove ${join(run.path, 'latest')}, and the one before it is taken`
        : 'begin anew with another --out';
    throw new TorchError(
      `${what}\n${progress.skipped} in a row were not finite, allowed: ${most} (train.max_skipped); a lower train.lr may help: go on from the last checkpoint with --resume --allow-config-change train.lr --set train.lr=...; where its weights were ruined already, ${remedy}`,
    );
  }
  reporter.warning(what);
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

/** What an iteration came to. */
interface Learnt extends StepValues {
  readonly epoch: number;
  /** Names of the images, and how many the step has seen. */
  readonly images: readonly string[];
  readonly size: number;
  readonly byClass: ReturnType<typeof sharesByClass>;
}

/** One step, on as many batches as the configuration says; gives their memory back. */
async function learn(options: LoopOptions, isLogged: boolean): Promise<Learnt> {
  const { config, stepper, batches, pseudoLabels, progress, first, data, gallery } = options;
  const { accumulate } = config.train;
  const images = new Set<string>();
  let [epoch, size, byClass] = [0, 0, {} as Learnt['byClass']];
  stepper.begin(progress.done - first, accumulate);
  // A batch that cannot be loaded leaves nothing of those before it.
  using _abandoned = { [Symbol.dispose]: () => stepper.abandon() };
  for (let n = 1; n <= accumulate; n++) {
    const batch = await batches.next();
    if (n === 1) epoch = batch.epoch;
    size += imagesOf(batch);
    for (const part of [batch.labelled, batch.unlabelled, batch.mix]) for (const id of part?.ids ?? []) images.add(id);
    using _ = scope();
    const views = toViews(batch, options.viewing.device);
    const iteration = progress.done + 1;
    const takers = [
      ...(pseudoLabels?.wants(iteration) ? [pseudoLabels.take] : []),
      ...(gallery && isEvaluatedAfter(options, iteration) ? [gallery.takePseudoLabels] : []),
    ];
    const picture = n === accumulate && takers.length > 0 ? pictureOf(batch) : undefined;
    batch.release();
    stepper.add(views, (result) => {
      if (n < accumulate) return;
      if (isLogged) byClass = sharesByClass(result, views.unlabelled?.valid, data.classes);
      if (picture) takePicture(result, picture, iteration, takers);
    });
  }
  return { ...stepper.finish(), epoch, images: [...images], size, byClass };
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
async function evaluate(options: LoopOptions, say: (event: RunEvent) => void): Promise<boolean> {
  const { stepper, run, progress, data, viewing, reporter, signal, gallery } = options;
  const { done: iteration } = progress;
  const began = performance.now();
  gallery?.begin();
  const found = await evaluateNetworks([stepper.student, stepper.teacher], options.validation(), data.classes, viewing, {
    signal,
    ...(gallery && { onImage: (_, seen) => gallery.see(seen) }),
  });
  if (!found) return false;
  const chosenBy = options.heldOut
    ? await evaluateNetworks([stepper.student, stepper.teacher], options.heldOut(), data.classes, viewing, { signal })
    : found;
  if (!chosenBy) return false;
  const [student, teacher] = found.scores as [Scores, Scores];
  const [byStudent, byTeacher] = chosenBy.scores.map(({ miou }) => miou) as [number, number];
  say({
    type: 'eval',
    iteration,
    ...(options.round !== undefined && { round: options.round }),
    student,
    teacher,
    ...(options.heldOut && { holdout: { student: byStudent, teacher: byTeacher } }),
    seconds: (performance.now() - began) / 1000,
  });
  gallery?.write(iteration);
  progress.evaluated = iteration;
  for (const [who, { miou }, by] of [
    ['student', student, byStudent],
    ['teacher', teacher, byTeacher],
  ] as const) {
    progress[who].last = miou;
    if (by <= progress[who].by) continue;
    Object.assign(progress[who], { best: miou, by });
    saveBest(run, who, iteration, stepper, data, { miou, ...(options.heldOut && { holdout: by }) });
  }
  reporter.note(`iteration ${iteration}: mIoU of the student ${student.miou.toFixed(2)}, of the teacher ${teacher.miou.toFixed(2)}`);
  return true;
}

/** A stretch of a run in which one student learns: all of it, or one round of a method of several. */
import { ConfigError, messageOf } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Dataset, LabelTable } from '../data/catalog/index.ts';
import type { Split } from '../data/lists.ts';
import { EvalLoader, iterationsPerEpoch, type Stage, StagedLoader } from '../data/loader/index.ts';
import type { Sample } from '../data/types.ts';
import { type Method, methods } from '../methods/index.ts';
import type { RunWriter } from '../runs/folder.ts';
import type { Device } from '../torch/index.ts';
import { loadLatest, type Progress } from '../train/checkpoint.ts';
import { Gallery } from '../train/gallery.ts';
import { type LoopOptions, type PseudoLabelPicture, runLoop } from '../train/loop.ts';
import { loadPretrained } from '../train/pretrained.ts';
import { Stepper, type StepSettings } from '../train/step.ts';
import { burnInIterations, describeData, modelOf, viewingOf } from './shared.ts';
import type { TaskOptions } from './types.ts';

/** Beside what the command line gives: for programs that use the library. */
export interface TrainHooks {
  /** Start anew even over a checkpoint. */
  readonly replace?: boolean;
  readonly pseudoLabels?: { wants(iteration: number): boolean; take(picture: PseudoLabelPicture): void };
}

/** What all phases of a run are made from. */
export interface Plan {
  readonly config: Config;
  readonly method: Method;
  readonly dataset: Dataset;
  readonly labelMap: LabelTable;
  readonly split: Split;
  /** Labelled images, not in the split's list any more, that the best is chosen by; empty where the validation list does that. */
  readonly heldOut: readonly Sample[];
  /** Loaders' options but for what each phase loads. */
  readonly loading: Omit<Stage, 'labelled' | 'unlabelled' | 'batchSize' | 'iterations'>;
  readonly device: Device;
}

/** What all phases of a run share. */
export interface Session extends Plan, TaskOptions {
  readonly run: RunWriter;
  /** What a new run's first phase begins with. */
  readonly prepared: Prepared | undefined;
  /** Counted from the start of the run. */
  readonly progress: Progress;
  readonly hooks: TrainHooks;
}

export interface Phase {
  /** Of a method of several rounds, from 1. */
  readonly round?: number;
  /** SGD steps of the run before it. */
  readonly first: number;
  /** SGD steps of its own. */
  readonly iterations: number;
  readonly iterationsPerEpoch: number;
  /** As iterations, but for `train.accumulate` of which an iteration takes that many. */
  readonly batchesPerEpoch: number;
  /** Key of its initial weights, order, crops and dropped channels. */
  readonly seed: number;
  readonly samples: Pick<Stage, 'labelled' | 'unlabelled' | 'batchSize'>;
  readonly afterStep?: (done: number, stepper: Stepper) => void;
}

/** What a method's batches hold: supervised training sees as many images a step as the methods that add unlabelled ones. */
export const samplesOf = (usesUnlabelled: boolean, { labelled, unlabelled }: Split, batchSize: number): Phase['samples'] =>
  usesUnlabelled ? { labelled, unlabelled, batchSize } : { labelled, unlabelled: [], batchSize: 2 * batchSize };

/** How long a phase with these samples is, as the configuration says: so many iterations, or so many epochs. */
export function lengthOf({ config, loading }: Pick<Plan, 'config' | 'loading'>, samples: Phase['samples']) {
  const { iterations, epochs, accumulate } = config.train;
  const batchesPerEpoch = iterationsPerEpoch({ ...loading, ...samples });
  const whole = (batches: number): number => Math.max(1, Math.floor(batches / accumulate));
  return { iterations: iterations ?? whole(epochs! * batchesPerEpoch), iterationsPerEpoch: whole(batchesPerEpoch), batchesPerEpoch };
}

/** The first part of a run, in which another method learns. */
function burnInOf({ config, method }: Plan, iterations: number): StepSettings['burnIn'] {
  const first = burnInIterations(config, iterations);
  return first > 0 && method.usesUnlabelled && !method.rounds ? { method: methods.supervised(config), iterations: first } : undefined;
}

/** What each part of a phase loads, a burn-in first. @throws ConfigError where a list is too short for one batch of it. */
export function stagesOf(plan: Plan, { samples, iterations, seed }: Phase, burnIn = burnInOf(plan, iterations)): Stage[] {
  const { accumulate, batch_size: batchSize } = plan.config.train;
  const own = { ...plan.loading, ...samples, seed, iterations: iterations * accumulate };
  if (!burnIn) return [own];
  const first = { ...own, ...samplesOf(false, plan.split, batchSize), iterations: burnIn.iterations * accumulate };
  try {
    iterationsPerEpoch(first);
  } catch (error) {
    throw new ConfigError(`train.burn_in learns from labelled images alone: ${messageOf(error)}; or set train.burn_in to 0`);
  }
  return [first, own];
}

/** What a phase begins with: its loader's stages, and fresh networks with the pretrained backbone. */
export interface Prepared {
  readonly stages: readonly Stage[];
  readonly stepper: Stepper;
}

/**
 * Builds what a phase begins with; nothing is written.
 * @throws ConfigError where a list is too short for a batch; CheckpointError where the pretrained weights cannot be had.
 */
export function prepare(plan: Plan, phase: Phase, options: { readonly fromCheckpoint?: boolean } = {}): Prepared {
  const { config, method, dataset, device } = plan;
  const { warmup } = config.train;
  const burnIn = burnInOf(plan, phase.iterations);
  const stages = stagesOf(plan, phase, burnIn);
  const stepper = new Stepper(method, {
    seed: phase.seed,
    device,
    model: modelOf(config, dataset.classes.length),
    iterations: phase.iterations,
    warmupIterations: warmup.iterations ?? Math.floor(((warmup.epochs ?? 0) * phase.batchesPerEpoch) / config.train.accumulate),
    ...(burnIn && { burnIn }),
    train: config.train,
  });
  if (config.pretrained === null || options.fromCheckpoint) return { stages, stepper };
  return freeing(stepper, () => {
    loadPretrained(config.pretrained!, stepper.student);
    stepper.copyToTeacher();
    return { stages, stepper };
  });
}

/** Runs `use`, and frees the networks where it throws. */
function freeing<T>(stepper: Stepper, use: () => T): T {
  try {
    return use();
  } catch (error) {
    stepper.free();
    throw error;
  }
}

/** From the run's checkpoint where that lies within the phase, else as prepared already, else fresh. */
function begin(session: Session, phase: Phase): Prepared {
  const { run, progress, prepared } = session;
  const { checkpoint } = run;
  if (checkpoint && checkpoint.mark.iteration > phase.first && progress.done === checkpoint.mark.iteration) {
    const resumed = prepare(session, phase, { fromCheckpoint: true });
    return freeing(resumed.stepper, () => {
      loadLatest(checkpoint, resumed.stepper);
      return resumed;
    });
  }
  return phase.first === 0 && prepared ? prepared : prepare(session, phase);
}

function loopOf(session: Session, phase: Phase, stepper: Stepper, batches: StagedLoader): LoopOptions {
  const { config, method, dataset, labelMap, split, heldOut, device, run, progress, reporter, signal, hooks } = session;
  const data = describeData(config, dataset);
  const viewing = viewingOf(data, config.eval.tta, device);
  const images = (samples: readonly Sample[]) => () =>
    new EvalLoader({ root: config.data.root, samples, longSide: config.data.long_side, labelMap });
  const { log } = config;
  return {
    config,
    stepper,
    run,
    progress,
    data,
    // Self-training chooses its labellers by a plain pass over whole images (SPEC section 8b).
    viewing: method.rounds ? { ...viewing, mode: 'original', tta: false } : viewing,
    batches,
    validation: images(split.val),
    ...(heldOut.length > 0 && { heldOut: images(heldOut) }),
    first: phase.first,
    iterations: phase.first + phase.iterations,
    iterationsPerEpoch: phase.iterationsPerEpoch,
    reporter,
    signal,
    ...(phase.round !== undefined && { round: phase.round }),
    ...(phase.afterStep && { afterStep: (done: number) => phase.afterStep!(done, stepper) }),
    ...(hooks.pseudoLabels && { pseudoLabels: hooks.pseudoLabels }),
    ...(log.tensorboard && log.pictures > 0 && { gallery: new Gallery(run, data, log.pictures) }),
  };
}

/**
 * Learns until the phase's end, or goes on where a checkpoint within it was left.
 * @returns false when it was interrupted.
 */
export async function learnPhase(session: Session, phase: Phase): Promise<boolean> {
  const { config, progress, reporter } = session;
  const { stages, stepper } = begin(session, phase);
  let loader: StagedLoader | undefined;
  try {
    loader = new StagedLoader(stages, (progress.done - phase.first) * config.train.accumulate, phase.batchesPerEpoch);
    const label = phase.round === undefined ? config.method : `${config.method} round ${phase.round}`;
    const loop = loopOf(session, phase, stepper, loader);
    reporter.start(loop.iterations, label, { done: progress.done });
    const whole = await runLoop(loop);
    reporter.end();
    return whole;
  } finally {
    await loader?.close();
    stepper.free();
  }
}

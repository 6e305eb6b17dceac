/** `dssn train`: a configuration and a folder to a trained run. */
import { ConfigError, messageOf } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { checkFiles, loadSplit, type Split } from '../data/lists.ts';
import { EvalLoader, iterationsPerEpoch, type Stage, StagedLoader, workersFor } from '../data/loader/index.ts';
import { type Method, methods } from '../methods/index.ts';
import { inspectRun, RunFolder, RunWriter } from '../runs/folder.ts';
import { listRecord, type ManifestInput } from '../runs/manifest.ts';
import { type Device, engineInfo } from '../torch/index.ts';
import { loadLatest, noProgress, type Progress } from '../train/checkpoint.ts';
import { type LoopOptions, type PseudoLabelPicture, runLoop } from '../train/loop.ts';
import { loadPretrained } from '../train/pretrained.ts';
import { Stepper, type StepSettings } from '../train/step.ts';
import { settle } from './settle.ts';
import { burnInIterations, datasetOf, describeData, modelOf, openDevice, viewingOf } from './shared.ts';
import type { TrainOptions, TrainResult } from './types.ts';
import { VERSION } from './version.ts';

/** Beside what the command line gives: for programs that use the library. */
export interface TrainHooks {
  /** Start anew even over a checkpoint. */
  readonly replace?: boolean;
  readonly pseudoLabels?: { wants(iteration: number): boolean; take(picture: PseudoLabelPicture): void };
}

async function openSplit(config: Config, usesUnlabelled: boolean, dataset: { name: string }): Promise<Split> {
  const { root, split } = config.data;
  const lists = loadSplit(dataset, root, split, { labelledOnly: !usesUnlabelled });
  await checkFiles(root, [...lists.labelled, ...lists.val]);
  await checkFiles(root, lists.unlabelled, { masks: false });
  return lists;
}

/** What a method's batches hold: supervised training sees as many images a step as the methods that add unlabelled ones. */
const samplesOf = ({ usesUnlabelled }: Method, { labelled, unlabelled }: Split, batchSize: number) =>
  usesUnlabelled ? { labelled, unlabelled, batchSize } : { labelled, unlabelled: [], batchSize: 2 * batchSize };

/** The first part of a run, in which another method learns. */
function burnInOf(config: Config, method: Method, iterations: number): StepSettings['burnIn'] {
  const first = burnInIterations(config, iterations);
  return first > 0 && method.usesUnlabelled ? { method: methods.supervised(config), iterations: first } : undefined;
}

/** What each part of a run loads. @throws ConfigError where a list is too short for one batch of it. */
function stagesOf(own: Stage, burnIn: StepSettings['burnIn'], split: Split, batchSize: number): Stage[] {
  if (!burnIn) return [own];
  const first = { ...own, ...samplesOf(burnIn.method, split, batchSize), iterations: burnIn.iterations };
  try {
    iterationsPerEpoch(first);
  } catch (error) {
    throw new ConfigError(`train.burn_in learns from labelled images alone: ${messageOf(error)}; or set train.burn_in to 0`);
  }
  return [first, own];
}

function manifestOf(options: TrainOptions, split: Split, device: Device): ManifestInput {
  const engine = engineInfo();
  const lists = (['labelled', 'unlabelled', 'val'] as const).flatMap((name) => {
    const file = split.files[name];
    return file === undefined ? [] : [listRecord(name, file, split[name].length)];
  });
  return {
    command: options.command,
    versions: { dssn: VERSION, engine: `${engine.version} (${engine.source})` },
    device,
    threads: engine.threads,
    lists,
  };
}

/** The result's scores: left out before the first evaluation. */
function scoresOf({ student, teacher }: Progress): Pick<TrainResult, 'student' | 'teacher'> {
  return Number.isNaN(student.last) ? {} : { student: { ...student }, teacher: { ...teacher } };
}

/**
 * Trains, or goes on, or says that the run is finished.
 * @throws ConfigError, DataError, CheckpointError, TorchError: nothing already saved is lost then.
 */
export async function train(options: TrainOptions, hooks: TrainHooks = {}): Promise<TrainResult> {
  const { out, reporter, signal } = options;
  const config = settle(options.config, out, options.resume && !hooks.replace);
  const state = hooks.replace ? 'new' : inspectRun(out, config, options.resume);
  if (state === 'finished') {
    const iterations = RunFolder.open(out).manifest?.sessions.at(-1)?.to ?? 0;
    return { run: out, method: config.method, status: 'already-finished', iterations, of: iterations };
  }
  const method = methods[config.method](config);
  const { dataset, labelMap } = datasetOf(config);
  const split = await openSplit(config, method.usesUnlabelled, dataset);
  const loading = {
    root: config.data.root,
    labelMap,
    cropSize: config.data.crop_size,
    longSide: config.data.long_side,
    numAug: config.data.num_aug,
    cutmixPartner: config.data.cutmix_partner,
    seed: config.seed,
    rank: 0,
    world: 1,
    workers: workersFor(config.data.workers),
  };
  const samples = samplesOf(method, split, config.train.batch_size);
  const perEpoch = iterationsPerEpoch({ ...loading, ...samples });
  const iterations = config.train.iterations ?? config.train.epochs! * perEpoch;
  const burnIn = burnInOf(config, method, iterations);
  const stages = stagesOf({ ...loading, ...samples, iterations }, burnIn, split, config.train.batch_size);

  const device = openDevice(config);
  const { warmup } = config.train;
  const stepper = new Stepper(method, {
    seed: config.seed,
    device,
    model: modelOf(config, dataset.classes.length),
    iterations,
    warmupIterations: warmup.iterations ?? (warmup.epochs ?? 0) * perEpoch,
    ...(burnIn && { burnIn }),
    train: config.train,
  });
  if (config.pretrained !== null && state === 'new') {
    loadPretrained(config.pretrained, stepper.student);
    stepper.copyToTeacher();
  }
  const run = RunWriter.create(out, {
    config,
    manifest: manifestOf(options, split, device),
    resume: options.resume,
    replace: hooks.replace ?? false,
  });
  const progress = noProgress();
  let status: 'finished' | 'interrupted' | 'failed' = 'failed';
  let loader: StagedLoader | undefined;
  try {
    if (run.checkpoint) loadLatest(run.checkpoint, stepper, progress);
    loader = new StagedLoader(stages, progress.done, perEpoch);
    const data = describeData(config, dataset);
    const loop: LoopOptions = {
      config,
      stepper,
      run,
      progress,
      data,
      viewing: viewingOf(data, config.eval.tta, device),
      batches: loader,
      validation: () => new EvalLoader({ root: config.data.root, samples: split.val, longSide: config.data.long_side, labelMap }),
      iterations,
      iterationsPerEpoch: perEpoch,
      reporter,
      signal,
      ...(hooks.pseudoLabels && { pseudoLabels: hooks.pseudoLabels }),
    };
    reporter.start(iterations, config.method, { done: progress.done });
    status = (await runLoop(loop)) ? 'finished' : 'interrupted';
    reporter.end();
    return { run: out, method: config.method, status, iterations: progress.done, of: iterations, ...scoresOf(progress) };
  } finally {
    await loader?.close();
    stepper.free();
    run.finish(status, progress.done);
  }
}

/** `dssn train`: a configuration and a folder to a trained run. */

import { ConfigError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Dataset } from '../data/catalog/index.ts';
import { checkFiles, loadSplit, type Split } from '../data/lists.ts';
import { methods } from '../methods/index.ts';
import { type Difference, isWithin } from '../runs/compare.ts';
import { RunFolder, RunWriter } from '../runs/folder.ts';
import { type Inspection, inspectRun } from '../runs/inspect.ts';
import { type ListRecord, listRecord, type ManifestInput } from '../runs/manifest.ts';
import { earlierWeights, findWeights, type Weights } from '../runs/weights.ts';
import { type Device, endAtSecondSignal, engineInfo } from '../torch/index.ts';
import { noProgress, type Progress, progressOf } from '../train/checkpoint.ts';
import { lookForPretrained } from '../train/pretrained.ts';
import { holdOut } from './holdout.ts';
import { learnPhase, prepare, type Session, type TrainHooks } from './phase.ts';
import { phasesOf, planOf } from './plan.ts';
import { selfTrain } from './self-training.ts';
import { settle } from './settle.ts';
import { datasetOf, openDevice, withLabels } from './shared.ts';
import type { Reporter, TrainOptions, TrainResult } from './types.ts';
import { VERSION } from './version.ts';

async function openSplit(config: Config, usesUnlabelled: boolean, dataset: Dataset, reporter: Reporter): Promise<Split> {
  const { root, split } = config.data;
  const lists = loadSplit(dataset, root, split, { labelledOnly: !usesUnlabelled });
  const found = await withLabels(root, [...lists.labelled, ...lists.val], dataset, reporter);
  if (!lists.listed) await checkFiles(root, lists.unlabelled, { masks: false });
  return { ...lists, labelled: found.slice(0, lists.labelled.length), val: found.slice(lists.labelled.length) };
}

function listsOf(split: Split): ListRecord[] {
  return (['labelled', 'unlabelled', 'val'] as const).flatMap((name) => {
    const file = split.files[name];
    if (file === undefined) return [];
    const samples = split[name];
    // What a list of the folder's images would hold.
    const listing = name === 'unlabelled' && split.listed ? samples.map(({ image }) => `${image}\n`).join('') : undefined;
    return [listRecord(name, file, samples.length, listing)];
  });
}

/**
 * The lists that hold other images than when the run began, as changes of `data.split`.
 * @throws ConfigError where that was not allowed
 */
function listChanges(run: string, lists: readonly ListRecord[], allowed: readonly string[] = [], inRounds = false): Difference[] {
  const before = new Map(RunFolder.open(run).manifest?.lists.map((list) => [list.name, list]));
  const changed = lists.flatMap((list): Difference[] => {
    const then = before.get(list.name);
    return then && then.sha256 !== list.sha256 ? [{ key: 'data.split', before: then, now: list }] : [];
  });
  // The lengths of rounds, and what the rounds before have kept, are of the lists that they began with.
  const isFixed = inRounds && changed.some(({ now }) => (now as ListRecord).name !== 'val');
  if (changed.length === 0 || (!isFixed && allowed.some((key) => isWithin('data.split', key)))) return changed;
  const remedies = ['put them back', ...(isFixed ? [] : ['allow it with --allow-config-change data.split']), 'or give another --out'];
  const told = lists
    .filter(({ name }) => changed.some(({ now }) => (now as ListRecord).name === name))
    .map(({ name, file, images }) => `  ${file}: the ${name} images, ${before.get(name)!.images} when the run began, ${images} now`);
  throw new ConfigError(`${run}: cannot go on with other lists than the run began with\n${told.join('\n')}\n${remedies.join(', ')}`);
}

/** @throws ConfigError where a run would end before where it is */
function checkLength(run: string, iterations: number): void {
  const done = (findWeights(run, 'latest') ?? earlierWeights(run)[0])?.mark.iteration ?? 0;
  if (done > iterations)
    throw new ConfigError(
      `${run}: ${done} iterations are done, and the configuration ends after ${iterations}; allowed: train.iterations (or epochs) of at least that many`,
    );
}

function manifestOf(options: TrainOptions, lists: readonly ListRecord[], device: Device, iterations: number): ManifestInput {
  const engine = engineInfo();
  return {
    command: options.command,
    versions: { dssn: VERSION, engine: `${engine.version} (${engine.source})` },
    device,
    threads: engine.threads,
    lists,
    iterations,
  };
}

/** The result's scores: left out before the first evaluation. */
function scoresOf({ student, teacher }: Progress): Pick<TrainResult, 'student' | 'teacher'> {
  const told = ({ last, best }: Progress['student']) => ({ last, best });
  return Number.isNaN(student.last) ? {} : { student: told(student), teacher: told(teacher) };
}

/**
 * Trains, or goes on, or says that the run is finished.
 * @throws ConfigError, DataError, CheckpointError, TorchError: nothing already saved is lost then.
 */
export async function train(options: TrainOptions, hooks: TrainHooks = {}): Promise<TrainResult> {
  const { out, reporter, signal } = options;
  const config = settle(options.config, out, options.resume && !hooks.replace);
  const { state, changed: changedKeys }: Inspection = hooks.replace
    ? { state: 'new', changed: [] }
    : inspectRun(out, config, options.resume, options.allowConfigChange);
  if (state === 'finished') {
    const iterations = RunFolder.open(out).manifest?.sessions.at(-1)?.to ?? 0;
    return { run: out, method: config.method, status: 'already-finished', iterations, of: iterations };
  }
  const method = methods[config.method](config);
  const { dataset, labelMap } = datasetOf(config);
  const listed = await openSplit(config, method.usesUnlabelled, dataset, reporter);
  const lists = listsOf(listed);
  const changedLists = state === 'resume' ? listChanges(out, lists, options.allowConfigChange, method.rounds !== undefined) : [];
  const changed = [...changedKeys, ...changedLists];
  if (method.rounds) checkRounds(config.method, changedKeys);
  const { labelled, heldOut } = await holdOut(config, listed.labelled, dataset.classes.length, labelMap);
  const device = openDevice(config);
  const plan = planOf(config, { ...listed, labelled }, device, heldOut);
  const phases = phasesOf(plan);
  const of = phases.at(-1)!.first + phases.at(-1)!.iterations;
  if (state === 'resume') checkLength(out, of);
  // Before anything is written: what cannot begin leaves no run folder behind.
  const prepared = state === 'new' ? prepare(plan, phases[0]!) : undefined;
  let run: RunWriter;
  try {
    run = RunWriter.create(out, {
      config,
      manifest: manifestOf(options, lists, device, of),
      resume: options.resume,
      replace: hooks.replace ?? false,
      ...(options.allowConfigChange && { allowChange: options.allowConfigChange }),
      changedLists,
      warn: (text) => reporter.warning(text),
    });
  } catch (error) {
    prepared?.stepper.free();
    throw error;
  }
  const idle = prepared && config.pretrained === null && lookForPretrained(config.model.backbone, config.data.root);
  if (idle)
    reporter.warning(`${idle} is not used, since pretrained is null: the backbone is drawn from the seed; --set pretrained=auto takes it`);
  const progress = run.checkpoint ? progressOf(run.checkpoint) : noProgress();
  const judges = (list: ListRecord): boolean => list.name === 'val' || (list.name === 'labelled' && config.data.holdout > 0);
  const otherYardstick = changedKeys.some(({ key }) => changesYardstick(key)) || changedLists.some(({ now }) => judges(now as ListRecord));
  // Those of an attempt that was given up.
  const fromLater =
    changed.length > 0 && (['best', 'teacher-best'] as const).some((kind) => isLater(findWeights(out, kind), progress.done));
  if ((otherYardstick && !Number.isNaN(progress.student.best)) || fromLater) {
    for (const who of ['student', 'teacher'] as const) Object.assign(progress[who], { best: Number.NaN, by: Number.NaN });
    reporter.warning(
      `${otherYardstick ? 'what the best is chosen by has changed' : 'the best were chosen later than the run goes on from'}: best/ and teacher-best/ are replaced at the next evaluation`,
    );
  }
  for (const { folder, reason, gone } of run.passedOver)
    reporter.warning(`${reason}; ${gone ? '' : `it is kept as ${folder}.damaged, and `}the run goes on from iteration ${progress.done}`);
  // Other settings are a new try.
  if (changed.length > 0) progress.skipped = 0;
  const session: Session = { ...plan, run, prepared, progress, hooks, reporter, ...(signal && { signal }) };
  let status: 'finished' | 'interrupted' | 'failed' = 'failed';
  if (signal) endAtSecondSignal(true);
  try {
    status = (await (method.rounds ? selfTrain(session, phases) : learnPhase(session, phases[0]!))) ? 'finished' : 'interrupted';
    return { run: out, method: config.method, status, iterations: progress.done, of, ...scoresOf(progress) };
  } finally {
    if (signal) endAtSecondSignal(false);
    run.finish(status, progress.done);
  }
}

const isLater = (weights: Weights | undefined, done: number): boolean => (weights?.mark.iteration ?? 0) > done;

/** Whether scores from before a change of this key cannot be compared with those after it. */
const changesYardstick = (key: string): boolean => key === 'seed' || isWithin(key, 'data') || isWithin(key, 'eval');

/** What decides where a round of self-training ends: with another value what the rounds before have kept would not fit. */
const lengthKeys = [
  ...['method', 'seed', 'data.dataset', 'data.split', 'data.holdout'],
  ...['train.iterations', 'train.epochs', 'train.batch_size', 'train.accumulate'],
];

/** @throws ConfigError for a change that a method of several rounds cannot go on with. */
function checkRounds(method: string, changed: Inspection['changed']): void {
  const keys = [...new Set(changed.map(({ key }) => key))].filter((key) => lengthKeys.includes(key));
  if (keys.length > 0)
    throw new ConfigError(`method ${method} learns in rounds, whose lengths are fixed when it begins: ${keys.join(', ')} cannot change`);
}

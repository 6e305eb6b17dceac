/** `dssn check`: everything that a training would stumble over, told at once, before it begins. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { dirname, extname, join, resolve } from 'node:path';
import { CheckpointError, ConfigError, DataError, messageOf } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Dataset, LabelTable } from '../data/catalog/index.ts';
import { examineAll } from '../data/check/examine-all.ts';
import { readSplit, type Split, type SplitReading } from '../data/lists.ts';
import { findLabels } from '../data/other-labels.ts';
import type { Sample } from '../data/types.ts';
import { makeFolder } from '../formats/files.ts';
import { methods } from '../methods/index.ts';
import { writePng } from '../runs/pictures.ts';
import { stemOf } from '../train/pretrained.ts';
import { type Estimated, estimateTraining } from './check-estimate.ts';
import {
  duplicates,
  type Examined,
  fileErrors,
  histogram,
  imageWarnings,
  isUsable,
  sizesOf,
  smallImages,
  unseenClasses,
} from './check-problems.ts';
import { drawSheet } from './check-sheet.ts';
import type { CheckOptions, CheckProblem, CheckResult, ListName } from './check-types.ts';
import { checkHoldout } from './holdout.ts';
import { stagesOf } from './phase.ts';
import { phasesOf, planOf } from './plan.ts';
import { isBelow, realPlace } from './real-path.ts';
import { settle } from './settle.ts';
import { datasetOf, openDevice } from './shared.ts';
import type { Reporter } from './types.ts';

/** Most threads that decode at once. */
const MOST_THREADS = 8;
/** Validation images whose evaluation is timed. */
const MIDDLING = 3;
const LISTS = ['labelled', 'unlabelled', 'val'] as const;

/** What is thrown for something that the user can mend, as a problem. */
function problemOf(kind: 'settings' | 'list' | 'too_few_images', work: () => void): CheckProblem[] {
  try {
    work();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof DataError || error instanceof CheckpointError)) throw error;
    return [{ level: 'error', kind, text: messageOf(error) }];
  }
}

/** The lists that training would read, as far as they can be read, with the label maps that are there. */
async function readLists(config: Config, dataset: Dataset): Promise<{ split?: Split; problems: CheckProblem[] }> {
  const { root, split: name } = config.data;
  const labelledOnly = !methods[config.method](config).usesUnlabelled;
  let read: SplitReading | undefined;
  const nowhere = problemOf('list', () => {
    read = readSplit(dataset, root, name, { labelledOnly });
  });
  if (!read) return { problems: nowhere };
  const { split, problems } = read;
  const [labelled, val] = await Promise.all([findLabels(root, split.labelled, dataset), findLabels(root, split.val, dataset)]);
  return { split: { ...split, labelled, val }, problems: problems.map((text) => ({ level: 'error', kind: 'list', text })) };
}

/** Opens and decodes every file of the lists. */
async function examine(config: Config, split: Split, labelMap: LabelTable, reporter: Reporter): Promise<Examined[]> {
  // Those with label maps first.
  const order = (['labelled', 'val', 'unlabelled'] as const).flatMap((list) => split[list].map((sample) => ({ list, sample })));
  const { workers } = config.data;
  const threads = workers === 'auto' ? Math.min(MOST_THREADS, availableParallelism()) : workers;
  reporter.start(order.length, 'files', { unit: 'image' });
  const setup = {
    root: config.data.root,
    samples: order.map(({ sample }) => sample),
    labelled: split.labelled.length + split.val.length,
    labelMap,
  };
  const found = await examineAll(setup, threads, (iteration) => reporter.update({ iteration }));
  reporter.end();
  return order.map((one, i) => ({ ...one, ...found[i]! }));
}

/** The split without the samples that cannot be used. */
function usableSplit(split: Split, examined: readonly Examined[]): Split {
  const of = (list: ListName): Sample[] => examined.filter((one) => one.list === list && isUsable(one)).map(({ sample }) => sample);
  return { ...split, labelled: of('labelled'), unlabelled: of('unlabelled'), val: of('val') };
}

/** Whether the lists, without what is held out, fill a batch of each part of a run. */
const batchProblems = (config: Config, split: Split): CheckProblem[] =>
  problemOf('too_few_images', () => {
    checkHoldout(config.data.holdout, split.labelled.length);
    const plan = planOf(config, { ...split, labelled: split.labelled.slice(config.data.holdout) }, 'cpu');
    stagesOf(plan, phasesOf(plan)[0]!);
  });

async function estimate(
  config: Config,
  split: Split,
  examined: readonly Examined[],
  reporter: Reporter,
): Promise<Estimated | { no: string }> {
  if (split.val.length === 0 || batchProblems(config, split).length > 0) return { no: 'too few images can be used to try training steps' };
  const pixels = ({ image }: Examined): number => image!.width * image!.height;
  const usable = examined.filter(isUsable);
  const val = usable.filter(({ list }) => list === 'val').sort((a, b) => pixels(a) - pixels(b));
  const { long_side: longSide } = config.data;
  const decodedBytes = usable
    .filter(({ list }) => list !== 'val')
    .reduce((sum, one) => {
      const scale = longSide === null ? 1 : (longSide / Math.max(one.image!.width, one.image!.height)) ** 2;
      return sum + pixels(one) * scale * (one.list === 'labelled' ? 4 : 3);
    }, 0);
  const start = Math.max(0, Math.floor((val.length - MIDDLING) / 2));
  const middling = val.slice(start, start + MIDDLING).map(({ sample }) => sample);
  const learnt = { ...split, labelled: split.labelled.slice(config.data.holdout) };
  const setup = { config, split: learnt, middling, largest: val.at(-1)!.sample, decodedBytes };
  return estimateTraining(setup, reporter);
}

interface Outputs {
  readonly picture: string;
  readonly report: string | null;
}

/** Whether a file is a report that a check wrote. */
function isReport(file: string): boolean {
  try {
    const report: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof report === 'object' && report !== null && ['problems', 'lists', 'estimate', 'picture'].every((key) => key in report);
  } catch {
    return false;
  }
}

/**
 * Where --out leads, its folder made.
 * @throws ConfigError where it would write over what no check wrote: a file of the data, a picture among them, a report of something
 *   else; or where nothing can be written
 */
function outputsOf(out: string, root: string, split: Split | undefined): Outputs {
  const single = extname(out).toLowerCase() === '.png';
  const outputs = single ? { picture: out, report: null } : { picture: join(out, 'labels.png'), report: join(out, 'check.json') };
  const refuse = (file: string, why: string): never => {
    throw new ConfigError(`--out ${file}: ${why}; give another`);
  };
  const files = LISTS.flatMap((list) => split?.[list] ?? []).flatMap(({ image, mask }) => (mask === undefined ? [image] : [image, mask]));
  const read = new Set(files.map((file) => realPlace(resolve(root, file))));
  const { picture, report } = outputs;
  if (read.has(realPlace(picture))) refuse(picture, 'is a file of the data and would be written over');
  for (const file of [picture, ...(report === null ? [] : [report])])
    if (existsSync(file) && !statSync(file).isFile()) refuse(file, 'is there and is no file');
  if (report === null && existsSync(picture) && isBelow(realPlace(picture), realPlace(root)))
    refuse(picture, 'is there already, among the data');
  if (report !== null && existsSync(report) && !isReport(report)) refuse(report, 'is there and was not written by a check');
  if (report !== null && !existsSync(report) && existsSync(picture)) refuse(picture, 'is there and was not written by a check');
  try {
    makeFolder(dirname(outputs.picture));
  } catch (cause) {
    throw new ConfigError(`--out ${out}: cannot be written (${messageOf(cause)})`, { cause });
  }
  return outputs;
}

/** Errors first, else in the order in which they were found. */
const sorted = (problems: readonly CheckProblem[]): CheckProblem[] => [
  ...problems.filter(({ level }) => level === 'error'),
  ...problems.filter(({ level }) => level === 'warning'),
];

/**
 * Checks a configuration and its data. No file of the data is changed.
 * @throws ConfigError for a wrong configuration, and where `out` would write over a file of the data.
 */
export async function check(options: CheckOptions): Promise<CheckResult> {
  const { config, reporter } = options;
  const { root, crop_size: cropSize, long_side: longSide } = config.data;
  const { dataset, labelMap } = datasetOf(config);
  const load = loadavg()[0]!;
  const settings = problemOf('settings', () => {
    const { pretrained } = settle(config, '', false);
    if (pretrained !== null) stemOf(pretrained);
    openDevice(config);
  });
  const { split, problems: lists } = await readLists(config, dataset);
  const outputs = outputsOf(options.out, root, split);
  const examined = split ? await examine(config, split, labelMap, reporter) : [];
  const counted = histogram(examined, dataset.classes);
  const found = [
    ...settings,
    ...lists,
    // Lists that are to be mended will have other lengths.
    ...(split && lists.length === 0 ? batchProblems(config, split) : []),
    ...fileErrors(examined, labelMap),
    ...duplicates(examined),
    ...unseenClasses(counted),
    ...imageWarnings(examined),
    ...smallImages(examined, cropSize, longSide),
  ];
  const tried = await tryTraining(options, split, examined, found);
  const problems = sorted('problem' in tried ? [...found, tried.problem] : found);
  const labelled = examined.filter((one) => one.list === 'labelled' && isUsable(one));
  const sheet = await drawSheet(root, labelled, { dataset, labelMap, classes: counted.classes });
  const picture = sheet !== undefined && isWritten(outputs.picture, (file) => writePng(file, sheet), reporter);
  const errors = problems.filter(({ level }) => level === 'error').length;
  const result: CheckResult = {
    ok: errors === 0,
    errors,
    warnings: problems.length - errors,
    problems,
    lists: { labelled: split?.labelled.length ?? 0, unlabelled: split?.unlabelled.length ?? 0, val: split?.val.length ?? 0 },
    ...counted,
    sizes: sizesOf(examined),
    estimate: 'estimate' in tried ? { ...tried.estimate, load } : null,
    ...('no' in tried && { no_estimate: tried.no }),
    picture: picture ? outputs.picture : null,
    report: outputs.report,
  };
  if (outputs.report === null || isWritten(outputs.report, (file) => writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`), reporter))
    return result;
  return { ...result, report: null };
}

/** Whether a file was written. A full disk is no reason to keep to itself what was found. */
function isWritten(file: string, write: (file: string) => void, reporter: Reporter): boolean {
  try {
    write(file);
    return true;
  } catch (error) {
    reporter.warning(`${file}: cannot be written (${messageOf(error)})`);
    return false;
  }
}

/** The estimate where it was asked for and something can be tried, else why not. */
async function tryTraining(
  { config, estimate: wanted, reporter }: CheckOptions,
  split: Split | undefined,
  examined: readonly Examined[],
  problems: readonly CheckProblem[],
): Promise<Estimated | { no: string }> {
  if (!wanted) return { no: 'left out, as asked for by --no-estimate' };
  if (!split) return { no: 'there are no lists to train on' };
  for (const kind of ['settings', 'list'] as const)
    if (problems.some((problem) => problem.kind === kind)) return { no: `the ${kind === 'list' ? 'lists' : kind} must be mended first` };
  return estimate(config, usableSplit(split, examined), examined, reporter);
}

/**
 * `dssn quickstart`: the whole story on images that it draws itself. Draws, hides most labels, trains `supervised` and `dssn`
 * for the same number of iterations, compares them on images of a seed of their own, and writes pictures and a report.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../base/errors.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { writeShapes } from '../data/catalog/shapes/write.ts';
import { loadSplit } from '../data/lists.ts';
import { type EvalItem, EvalLoader } from '../data/loader/index.ts';
import type { LabelMap } from '../data/types.ts';
import type { DeepLabV3Plus } from '../models/index.ts';
import type { LoggedEvent, Scores } from '../runs/events.ts';
import { RunFolder } from '../runs/folder.ts';
import { comparisonSheet, writePng } from '../runs/pictures.ts';
import { type MethodReport, type ReportData, type ReportPicture, writeReport } from '../runs/report.ts';
import { predictImage } from '../train/evaluate.ts';
import type { PseudoLabelPicture } from '../train/loop.ts';
import { openNetwork } from '../train/weights.ts';
import { bestPrecision, burnInIterations, datasetOf, describeData, openDevice, viewingOf } from './shared.ts';
import { train } from './train.ts';
import type { QuickstartOptions, QuickstartResult } from './types.ts';

/** How much is drawn and trained. */
export interface QuickstartScale {
  readonly labelled: number;
  readonly unlabelled: number;
  readonly validation: number;
  readonly size: { readonly width: number; readonly height: number };
  /** Overrides of configs/shapes.yaml, as `--set` takes them. */
  readonly set: readonly string[];
}

/**
 * Few labels, of pictures from sunny summer days, which are at hand when labels are made, and of those that show the most classes, as
 * somebody would choose who may label few. Many pictures without labels, of all days. Evaluation pictures are of all days and of another seed.
 */
const fullScale: QuickstartScale = { labelled: 10, unlabelled: 290, validation: 60, size: { width: 128, height: 96 }, set: [] };
const validationSeedOffset = 1_000_000;
/** Pictures in the report: those that show the most classes. */
const picturesShown = 6;
/** Pseudo-labels in the report, evenly over the run. */
const pseudoLabelsShown = 4;

/**
 * The two methods, as people read them, and the weights that each is judged by: both of the last iteration. All settings are
 * shared; the learning rate is one that suits supervised training (docs/log.md).
 */
const contestants = [
  { method: 'supervised', name: 'supervised', weights: 'latest', judged: 'student, last iteration' },
  { method: 'dssn', name: 'DSSN', weights: 'teacher-latest', judged: 'teacher, last iteration' },
] as const;
type Contestant = (typeof contestants)[number];

const configFile = fileURLToPath(new URL('../../configs/shapes.yaml', import.meta.url));
const backboneFile = fileURLToPath(new URL('../../weights/shapes-resnet10.safetensors', import.meta.url));

function configOf(data: string, { method }: Contestant, seed: number, set: readonly string[]): Config {
  return loadConfig(configFile, [
    `data.root=${JSON.stringify(data)}`,
    `pretrained=${JSON.stringify(backboneFile)}`,
    `method=${method}`,
    `seed=${seed}`,
    `train.precision=${bestPrecision()}`,
    ...set,
  ]);
}

/** @throws ConfigError when `out` holds something of these names that quickstart did not make: it would be lost. */
function refuseForeign(out: string, data: string): void {
  if (existsSync(data) && !existsSync(join(data, 'splits', 'quickstart')))
    throw new ConfigError(`${data}: is there already and was not drawn by quickstart; give another --out`);
  for (const { method } of contestants) {
    const folder = join(out, method);
    if (!existsSync(join(folder, 'config.json'))) continue;
    if (RunFolder.open(folder).config.data.root !== resolve(data))
      throw new ConfigError(`${folder}: holds a run that quickstart did not make; give another --out`);
  }
}

type EvalEvent = Extract<LoggedEvent, { type: 'eval' }>;
const isEvaluation = (event: LoggedEvent): event is EvalEvent => event.type === 'eval';

/** The scores of a run's last evaluation, of the weights that its method is judged by. */
function judge(run: RunFolder, { weights }: Contestant): Scores {
  const last = run.events().findLast(isEvaluation)!;
  return weights === 'latest' ? last.student : last.teacher!;
}

function methodReport(run: RunFolder, contestant: Contestant, seconds: number): MethodReport {
  const { miou, iou } = judge(run, contestant);
  const evaluations = run.events().filter(isEvaluation);
  return {
    name: contestant.name,
    weights: contestant.judged,
    miou,
    iou: Object.values(iou),
    curve: evaluations.map(({ iteration, student, teacher }) => ({
      iteration,
      student: student.miou,
      ...(teacher && { teacher: teacher.miou }),
    })),
    iterations: evaluations.at(-1)!.iteration,
    seconds,
  };
}

const classesIn = ({ data }: LabelMap): number => new Set(data).size;

/** The validation pictures that show the most classes, with both networks' predictions. */
async function comparePictures(
  items: AsyncIterable<EvalItem>,
  networks: readonly DeepLabV3Plus[],
  config: Config,
): Promise<ReportPicture[]> {
  const { dataset } = datasetOf(config);
  const viewing = viewingOf(describeData(config, dataset), false, openDevice(config));
  const found: { item: EvalItem; labels: LabelMap }[] = [];
  for await (const item of items) if (item.labels) found.push({ item, labels: item.labels });
  return found
    .sort((a, b) => classesIn(b.labels) - classesIn(a.labels))
    .slice(0, picturesShown)
    .map(({ item, labels }) => ({
      image: item.image,
      truth: labels,
      predictions: networks.map((network) => predictImage(network, item.image, [item.originalHeight, item.originalWidth], viewing)),
    }));
}

/** Percent of the labelled pixels of the validation pictures that each class has. */
async function sharesOf(items: AsyncIterable<EvalItem>, classes: number): Promise<number[]> {
  const counts = new Array<number>(classes).fill(0);
  for await (const { labels } of items) for (const label of labels?.data ?? []) if (label < classes) counts[label]!++;
  const sum = counts.reduce((a, b) => a + b, 0);
  return counts.map((count) => (100 * count) / sum);
}

function commandsOf(out: string): ReportData['commands'] {
  return [
    {
      text: "Label pictures of your own with DSSN's network:",
      command: `npx dssn predict --run ${join(out, 'dssn')} --out predictions PICTURES...`,
    },
    {
      text: 'Train on your own images, with configs/shapes.yaml as the example:',
      command: 'npx dssn train --config FILE --set data.root=FOLDER --out RUN',
    },
  ];
}

/** Which pictures have labels, in words. */
const labelledOnes = ({ labelled }: QuickstartScale): string => `the ${labelled} pictures of sunny summer days that show the most classes`;

function settingsOf(config: Config, scale: QuickstartScale): ReportData['settings'] {
  const { train: t, model, data, select } = config;
  return [
    ['pictures', `labels of ${labelledOnes(scale)}; ${scale.unlabelled} unlabelled and ${scale.validation} for evaluation, of all days`],
    ['backbone', `${model.backbone}, pretrained to tell which classes are in crops of other sunny summer pictures`],
    ['crop', `${data.crop_size} pixels`],
    ['iterations', `${t.iterations}, of which DSSN learns the first ${burnInIterations(config, t.iterations!)} as supervised does`],
    ['batch', `${t.batch_size} labelled + ${t.batch_size} unlabelled (supervised: ${2 * t.batch_size} labelled)`],
    ['learning rate', String(t.lr)],
    ['decoder', `${model.decoder_channels} channels`],
    ['batch norm', `${t.batch_norm} for strong views`],
    ['EMA', String(t.ema)],
    ['pseudo-labels', `${select.rule}, high ${select.high}, ratio ${select.ratio}`],
    ['precision', t.precision],
    ['seed', String(config.seed)],
  ];
}

function printTable(
  { reporter }: QuickstartOptions,
  classes: readonly string[],
  shares: readonly number[],
  scores: readonly Scores[],
): void {
  const row = (name: string, share: string, [supervised, dssn]: readonly number[]) => [
    name,
    share,
    supervised!,
    dssn!,
    dssn! - supervised!,
  ];
  reporter.table(
    ['class', 'pixels', 'supervised', 'DSSN', 'difference'],
    [
      ...classes.map((name, c) =>
        row(
          name,
          `${shares[c]!.toFixed(1)} %`,
          scores.map(({ iou }) => iou[name]!),
        ),
      ),
      row(
        'mean',
        '',
        scores.map(({ miou }) => miou),
      ),
    ],
  );
}

/** Writes into `out`: data/ (the pictures), supervised/ and dssn/ (the runs), comparison.png, report.html. */
export async function quickstart(options: QuickstartOptions, scale: QuickstartScale = fullScale): Promise<QuickstartResult> {
  const { out, seed, reporter, signal, command } = options;
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  const report = join(out, 'report.html');
  const data = join(out, 'data');

  refuseForeign(out, data);
  rmSync(data, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const total = scale.labelled + scale.unlabelled + scale.validation;
  reporter.start(total, 'drawing', { unit: 'picture' });
  const drawn = await writeShapes(data, {
    ...scale,
    labelledAre: 'sunny-summer-most-classes',
    seed,
    signal,
    validationSeed: seed + validationSeedOffset,
    onProgress: (done) => reporter.update({ iteration: done }),
  });
  reporter.end();
  if (!drawn) return { status: 'interrupted', out, report, seconds: elapsed() };
  reporter.note(
    `${labelledOnes(scale)} have labels; ${scale.unlabelled} pictures of all seasons, hours and weathers have none; both methods are judged on ${scale.validation} others of all days`,
  );

  const pseudoLabels: PseudoLabelPicture[] = [];
  const reports: MethodReport[] = [];
  for (const contestant of contestants) {
    const config = configOf(data, contestant, seed, scale.set);
    const iterations = config.train.iterations!;
    const burnIn = burnInIterations(config, iterations);
    const every = Math.max(1, Math.floor((iterations - burnIn) / pseudoLabelsShown));
    const start = elapsed();
    const folder = join(out, contestant.method);
    const result = await train(
      { config, out: folder, resume: false, reporter, command, ...(signal && { signal }) },
      {
        replace: true,
        pseudoLabels: {
          wants: (iteration) => iteration > burnIn && (iteration - burnIn) % every === 0,
          take: (picture) => pseudoLabels.push(picture),
        },
      },
    );
    if (result.status === 'interrupted') return { status: 'interrupted', out, report, seconds: elapsed() };
    reports.push(methodReport(RunFolder.open(folder), contestant, elapsed() - start));
  }

  const config = configOf(data, contestants[1], seed, scale.set);
  const { dataset, labelMap } = datasetOf(config);
  const runs = contestants.map((contestant) => RunFolder.open(join(out, contestant.method)));
  const validation = () =>
    new EvalLoader({ root: data, samples: loadSplit(dataset, data, config.data.split).val, longSide: config.data.long_side, labelMap });
  const networks = runs.map((run, i) => openNetwork(run.weightsFile(contestants[i]!.weights)).network);
  const pictures = await comparePictures(validation(), networks, config);
  for (const network of networks) network.free();
  const shares = await sharesOf(validation(), dataset.classes.length);
  const sheet = comparisonSheet(
    pictures.map(({ image, truth, predictions }) => ({ image, labels: [truth, ...predictions] })),
    { columns: ['image', 'truth', ...contestants.map(({ name }) => name)], legend: dataset },
  );
  const picture = join(out, 'comparison.png');
  writePng(picture, sheet);
  await writeReport(report, {
    title: 'DSSN quickstart',
    lead:
      `Two networks learnt to label every pixel from the labels of ${labelledOnes(scale)}. ` +
      `DSSN also learnt from ${scale.unlabelled} pictures without labels, taken all year, at all hours, in all weathers. ` +
      `Both are judged on ${scale.validation} other pictures of all days.`,
    created: new Date().toISOString(),
    classes: dataset.classes,
    palette: dataset.palette,
    shares,
    methods: reports,
    pictures,
    pseudoLabels,
    settings: settingsOf(config, scale),
    commands: commandsOf(out),
  });

  const [supervised, dssn] = runs.map((run, i) => judge(run, contestants[i]!)) as [Scores, Scores];
  printTable(options, dataset.classes, shares, [supervised, dssn]);
  reporter.note(`pictures: ${relative('.', picture)}    report: ${relative('.', report)}`);
  reporter.note(
    `next: npx dssn predict --run ${relative('.', join(out, 'dssn'))} --out predictions ${relative('.', join(data, 'images'))}`,
  );
  return { status: 'finished', out, report, supervised, dssn, seconds: elapsed() };
}

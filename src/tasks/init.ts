/** `dssn init`: a folder of images and label maps to a configuration that trains on them, and its lists. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { ConfigError, DataError, messageOf } from '../base/errors.ts';
import { forEach } from '../base/for-each.ts';
import { loadConfig, parseConfig } from '../config/load.ts';
import { type ImageSize, imageSize } from '../data/decode/image-size.ts';
import { loadSplit } from '../data/lists.ts';
import { makeFolder } from '../formats/files.ts';
import { engineInfo } from '../torch/index.ts';
import { type Classes, decideClasses, shownLabel } from './init-classes.ts';
import { type LabelMaps, looksSoft, readLabelMaps } from './init-labels.ts';
import { type Drawn, drawValidation, listText } from './init-lists.ts';
import { pairedAcross } from './init-names.ts';
import { listed, type Scan, scanFolders } from './init-scan.ts';
import { chooseSettings, type Settings } from './init-settings.ts';
import { yamlText } from './init-yaml.ts';
import { cpuInfo, gpuModels, memoryInfo } from './machine.ts';
import { isBelow, realPlace } from './real-path.ts';
import { bestPrecision, datasetOf } from './shared.ts';
import type { InitOptions, InitResult, Reporter } from './types.ts';

const LIST_FILES = { labelled: 'labeled.txt', unlabelled: 'unlabeled.txt', val: 'val.txt' } as const;
/** Images whose size is looked at, evenly over all. */
const SIZES_LOOKED_AT = 1000;
/** Below this many validation images, scores say little. */
const FEW_VALIDATION = 5;

/** Where the files go. */
interface Outputs {
  readonly config: string;
  readonly lists: string;
}

/** @throws ConfigError where something is there already, or lies in the folders that are looked at. */
function outputsOf({ out, force, folder, masks }: InitOptions): Outputs {
  const config = resolve(out);
  const lists = join(dirname(config), `${basename(config).replace(/\.ya?ml$/i, '')}-lists`);
  for (const given of [folder, ...(masks === undefined ? [] : [masks])])
    for (const path of [config, lists])
      if (isBelow(realPlace(path), realPlace(given)))
        throw new ConfigError(
          `--out ${out}: lies in ${given}, where nothing is changed; give a file elsewhere, such as --out ../dssn.yaml`,
        );
  for (const path of [config, lists])
    if (!force && existsSync(path))
      throw new ConfigError(`${relative('.', path) || path}: is there already; give another --out, or --force to replace it`);
  return { config, lists };
}

function checkEnough({ labelled, unlabelled }: Scan, val: number | undefined): void {
  if (labelled.length === 1)
    throw new DataError(
      `only one image has a label map, ${labelled[0]!.image}; at least two are needed, one to learn from and one to validate on (some ten are a start)`,
    );
  if (labelled.length < 3 && unlabelled.length === 0)
    throw new DataError(
      `only ${labelled.length} images, all with label maps; without unlabelled images at least three are needed, two to learn from and one to validate on`,
    );
  if (val !== undefined && (val >= labelled.length || (val >= 1 && !Number.isInteger(val))))
    throw new ConfigError(
      `--val ${val}: allowed: a number of images up to ${labelled.length - 1}, one less than have label maps, or a share below 1`,
    );
}

/** So many of a list, evenly over it. */
const evenly = <T>(items: readonly T[], count: number): T[] =>
  items.length <= count ? [...items] : Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);

/** The sizes in words: '480 x 360 pixels', or from the smallest to the largest. */
function sizesInWords(sizes: readonly ImageSize[]): string {
  const sorted = [...sizes].sort((a, b) => a.width * a.height - b.width * b.height);
  const [least, most] = [sorted[0]!, sorted.at(-1)!].map(({ width, height }) => `${width} x ${height}`);
  return least === most ? `${least} pixels` : `${least} to ${most} pixels`;
}

function machineInWords(cuda: number): string {
  const { model, physicalCores } = cpuInfo();
  const gpu = cuda > 0 ? `${cuda} GPU${cuda > 1 ? 's' : ''} (${gpuModels().join(', ') || 'of unknown model'}), ` : '';
  return `${gpu}${physicalCores} core${physicalCores > 1 ? 's' : ''} (${model}), ${memoryInfo().available} GB of free memory`;
}

/** Which side lacks a class, in words. */
function oneSidedWarnings({ oneSided }: Drawn, classes: Classes['classes']): string[] {
  const names = (inVal: boolean, single: boolean): string[] =>
    oneSided.filter((one) => one.inVal === inVal && (classes[one.label]!.images === 1) === single).map(({ label }) => classes[label]!.name);
  const [rare, learnt, seen] = [names(false, true), names(false, false), [...names(true, false), ...names(true, true)]];
  return [
    ...(rare.length > 0 ? [`in one label map alone, so learnt but not validated: ${listed(rare)}`] : []),
    ...(learnt.length > 0 ? [`not in the validation list: ${listed(learnt)}; a larger --val may hold more`] : []),
    ...(seen.length > 0 ? [`only in the validation list, so never learnt: ${listed(seen)}; give a smaller --val or another --seed`] : []),
  ];
}

function warningsOf(scan: Scan, maps: LabelMaps, classes: Classes, drawn: Drawn): string[] {
  const { lonely, others, labelled } = scan;
  const val = drawn.isVal.filter(Boolean).length;
  return [
    ...(lonely.length > 0 ? [`left out, since their images are not there, ${lonely.length} of the label maps: ${listed(lonely)}`] : []),
    ...[...others].map(([ending, count]) => `left out, since only JPEG and PNG are read: ${count} of *${ending}`),
    ...[...pairedAcross(labelled)].map(
      ([folders, count]) =>
        `paired by the names of files alone, though the folders differ: ${folders} (${count}); look whether they belong together`,
    ),
    ...(maps.doubt === undefined ? [] : [maps.doubt]),
    ...classes.warnings,
    ...(val < FEW_VALIDATION
      ? [`${val} of ${labelled.length} labelled images validate${val === 1 ? 's' : ''}: scores will say little; label more where you can`]
      : []),
    ...oneSidedWarnings(drawn, classes.classes),
  ];
}

function tell(reporter: Reporter, scan: Scan, maps: LabelMaps, classes: Classes): void {
  const { labelled, unlabelled } = scan;
  const first = labelled[0]!;
  reporter.note(`${labelled.length} images have label maps (such as ${first.image} and ${first.mask}), ${unlabelled.length} have none`);
  reporter.note(`label maps hold ${maps.how}`);
  for (const note of classes.notes) reporter.note(note);
  const all = classes.classes.reduce((sum, { pixels }) => sum + pixels, 0);
  reporter.table(
    ['class', maps.stored === 'numbers' ? 'label' : 'colour', '% of pixels', 'label maps'],
    classes.classes.map(({ name, label, pixels, images }) => [
      name,
      shownLabel(label, maps.stored),
      ((100 * pixels) / all).toFixed(2),
      images,
    ]),
  );
  const shown = (label: number): string => shownLabel(label, maps.stored);
  const ignored = classes.ignored.map((label) => `${shown(label)} (${maps.counts.get(label)?.pixels ?? 0} pixels)`);
  reporter.note(ignored.length > 0 ? `ignored: ${ignored.join(', ')}` : 'where a label means that a pixel has none, add --ignore LABEL');
  if (scan.nameFile === undefined) reporter.note('no classes.txt names the classes: rename them in the configuration');
}

function tellSettings(reporter: Reporter, s: Settings, images: string, machine: string): void {
  const seen = s.long_side === null ? 'as they are' : `at a long side of ${s.long_side}`;
  reporter.note(`images of ${images}, seen ${seen}, in crops of ${s.crop_size} pixels`);
  reporter.note(`machine: ${machine}; so ${s.backbone}, batch ${s.batch_size}, ${s.precision}, ${s.iterations} iterations of ${s.method}`);
}

/** Writes the lists and then the configuration. */
function write({ config, lists }: Outputs, text: string, texts: Readonly<Record<keyof typeof LIST_FILES, string>>): void {
  try {
    makeFolder(lists);
    for (const [name, file] of Object.entries(LIST_FILES) as [keyof typeof LIST_FILES, string][]) {
      // An empty list is none: one of an earlier time must not stay.
      if (texts[name] === '') rmSync(join(lists, file), { force: true });
      else writeFileSync(join(lists, file), texts[name]);
    }
    writeFileSync(config, text);
  } catch (cause) {
    throw new ConfigError(`--out: cannot be written (${messageOf(cause)})`, { cause });
  }
}

/** Reads back what was written, as a training will. */
function checkWritten({ config: file }: Outputs): void {
  const config = loadConfig(file);
  loadSplit(datasetOf(config).dataset, config.data.root, config.data.split, { labelledOnly: config.method === 'supervised' });
}

/**
 * Looks at a folder and writes a configuration and lists. Nothing in the folder is changed.
 * @throws ConfigError for outputs that are there already or that cannot be; DataError for a folder that cannot be used: it names the files.
 */
export async function init(options: InitOptions): Promise<InitResult> {
  const { reporter, folder, masks, seed, val } = options;
  const outputs = outputsOf(options);
  const scan = scanFolders(folder, masks);
  const { root, labelled, unlabelled, nameFile } = scan;
  checkEnough(scan, val);
  const maps = await readLabelMaps(root, labelled, reporter);
  if (looksSoft(maps) && !options.ignore.includes('255'))
    throw new DataError(
      `the label maps look like masks of 0 and 255 with soft edges: they hold ${maps.counts.size} numbers, most pixels 0 or 255; write them anew without smoothing or scaling. If the numbers are classes and 255 means that a pixel has none, say so by --ignore 255`,
    );
  const classes = decideClasses(maps, { ignore: options.ignore, ...(nameFile !== undefined && { nameFile }) });
  const trainLabel = new Map(classes.classes.map(({ label }, k) => [label, k]));
  const present = maps.present.map((labels) => labels.flatMap((label) => trainLabel.get(label) ?? []));
  const drawn = drawValidation(present, classes.classes.length, seed, val);
  const lists = {
    labelled: labelled.filter((_, i) => !drawn.isVal[i]),
    unlabelled: unlabelled.map((image) => ({ image })),
    val: labelled.filter((_, i) => drawn.isVal[i]),
  };
  const looked = evenly([...labelled.map(({ image }) => image), ...unlabelled], SIZES_LOOKED_AT);
  const unreadable: string[] = [];
  const found = await forEach(looked, async (image) => {
    try {
      return (await imageSize(join(root, image))).turned;
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      unreadable.push(image);
      return undefined;
    }
  });
  const sizes = found.filter((size) => size !== undefined);
  if (sizes.length === 0) throw new DataError(`not one image can be read: ${listed(unreadable)}`);
  const { cudaDevices } = engineInfo();
  const counts = { labelled: lists.labelled.length, unlabelled: unlabelled.length, val: lists.val.length };
  const settings = chooseSettings(sizes, counts, {
    cores: cpuInfo().physicalCores,
    memory: memoryInfo().available,
    cuda: cudaDevices > 0,
    precision: bestPrecision(),
  });
  const [images, machine] = [sizesInWords(sizes), machineInWords(cudaDevices)];
  const file = relative('.', outputs.config) || outputs.config;
  const text = yamlText({ file, root, lists: outputs.lists, seed, counts, classes, settings, images, machine });
  parseConfig(text, file);
  write(outputs, text, { labelled: listText(lists.labelled), unlabelled: listText(lists.unlabelled), val: listText(lists.val) });
  checkWritten(outputs);
  tell(reporter, scan, maps, classes);
  tellSettings(reporter, settings, images, machine);
  const warnings = [
    ...warningsOf(scan, maps, classes, drawn),
    ...(unreadable.length > 0 ? [`cannot be read, and would end a training: ${listed(unreadable.sort())}`] : []),
  ];
  for (const warning of warnings) reporter.warning(warning);
  return {
    config: file,
    lists: relative('.', outputs.lists) || outputs.lists,
    root,
    ...counts,
    stored: classes.stored,
    classes: classes.classes.map(({ name }) => name),
    ignored: classes.ignored.map((label) => shownLabel(label, classes.stored)),
    settings: { ...settings },
    warnings,
  };
}

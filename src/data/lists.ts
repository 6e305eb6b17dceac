/**
 * Lists of samples (SPEC section 3): one `image mask` pair of relative paths a line, separated by a tab if the line has one,
 * else by a space; an unlabelled image may stand alone.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname, isAbsolute, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError, messageOf } from '../base/errors.ts';
import { nearest } from '../base/suggest.ts';
import type { Dataset } from './catalog/dataset.ts';
import type { Sample } from './types.ts';

/** The three lists of a split. `unlabelled` may carry masks: they are for looking at pseudo-labels, never for learning. */
export interface Split {
  readonly labelled: readonly Sample[];
  readonly unlabelled: readonly Sample[];
  readonly val: readonly Sample[];
  /** The files that they were read from; `unlabelled` is `train.txt` where the list is what it leaves, absent where none was read. */
  readonly files: { readonly labelled: string; readonly unlabelled?: string; readonly val: string };
  /** Whether `unlabelled` are the images of a folder, which `files.unlabelled` names then. */
  readonly listed: boolean;
}

/** The lists that come with the package. */
export const PACKAGE_SPLITS = fileURLToPath(new URL('../../splits', import.meta.url));

/** How many names an error spells out. */
const NAMES_SHOWN = 20;
/** Files looked for at once: hides the round trips of network disks. */
const CHECKS_AT_ONCE = 64;

function withoutExtension(path: string): string {
  return path.replace(/\.[^./]+$/, '');
}

/** One line of a list; throws a plain Error with the reason. */
function parseLine(line: string): Sample {
  const tabbed = line.includes('\t');
  const words = tabbed ? line.split('\t').map((word) => word.trim()) : line.trim().split(/ +/);
  const [image, mask, ...rest] = words;
  if (rest.length > 0) {
    const remedy = tabbed ? '' : '; where a path holds a space, separate the two by a tab';
    throw new Error(`${words.length} words, allowed: an image and a mask${remedy}`);
  }
  if (!image) throw new Error('no image before the tab');
  return mask ? { id: withoutExtension(image), image, mask } : { id: withoutExtension(image), image };
}

/** What a list holds, and what is wrong with it: sentences that name the list, and the line where there is one. */
interface Reading {
  readonly samples: readonly Sample[];
  readonly problems: readonly string[];
}

/** Every line that is an image, or a pair, and what is wrong with the others. */
function readLines(file: string): Reading {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    return { samples: [], problems: [`${file}: the list cannot be read (${messageOf(cause)})`] };
  }
  const samples: Sample[] = [];
  const problems: string[] = [];
  const lineOf = new Map<string, number>();
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (line.trim() === '') continue;
    try {
      const sample = parseLine(line);
      const before = lineOf.get(sample.id);
      if (before !== undefined) throw new Error(`an image named ${sample.id} stands in line ${before} already`);
      lineOf.set(sample.id, index + 1);
      samples.push(sample);
    } catch (cause) {
      problems.push(`${file}:${index + 1}: ${messageOf(cause)}`);
    }
  }
  if (samples.length === 0 && problems.length === 0)
    problems.push(`${file}: the list is empty; allowed: one 'image mask' pair of relative paths a line`);
  return { samples, problems };
}

/** All problems in one error, but for those after the first twenty. */
function refuseAny(problems: readonly string[]): void {
  const more = problems.length - NAMES_SHOWN;
  if (problems.length > 0) throw new DataError([...problems.slice(0, NAMES_SHOWN), ...(more > 0 ? [`and ${more} more`] : [])].join('\n'));
}

/** Reads a list's samples. @throws DataError `list:line: ...` for lines that are no pair, images named twice, or an empty list. */
export function readList(file: string): readonly Sample[] {
  const { samples, problems } = readLines(file);
  refuseAny(problems);
  return samples;
}

/** A list whose every image must have a label map. */
function readLabelled(file: string): Reading {
  const { samples, problems } = readLines(file);
  const bare = samples.filter(({ mask }) => mask === undefined).map(({ image }) => image);
  if (bare.length === 0) return { samples, problems };
  const have = `${namesOf(bare)} ${bare.length === 1 ? 'has' : 'have'} no mask; allowed without one: images of unlabeled.txt`;
  return { samples: samples.filter(({ mask }) => mask !== undefined), problems: [...problems, `${file}: ${have}`] };
}

/** The names of the splits that lie in these folders. */
function splitsIn(folders: readonly string[]): string[] {
  const names = folders.filter(existsSync).flatMap((folder) => readdirSync(folder, { withFileTypes: true }));
  return [...new Set(names.filter((entry) => entry.isDirectory()).map((entry) => entry.name))].sort();
}

/** Where a split's lists are: its own ones in `folder`, those that splits share (val.txt, train.txt) in `shared`. */
interface Place {
  readonly folder: string;
  readonly shared: string;
}

/** The folder of a split: the one that is named, or the data's own, or the package's. */
function findSplit(datasetName: string, root: string, split: string): Place {
  if (isAbsolute(split)) {
    if (existsSync(join(split, 'labeled.txt'))) return { folder: split, shared: split };
    throw new DataError(
      `data.split: there is no ${join(split, 'labeled.txt')}; allowed: the name of a split, or a folder with labeled.txt, unlabeled.txt and val.txt`,
    );
  }
  const parents = [join(root, 'splits'), join(PACKAGE_SPLITS, datasetName)];
  const found = parents.map((parent) => join(parent, split)).find((folder) => existsSync(join(folder, 'labeled.txt')));
  if (found !== undefined) return { folder: found, shared: dirname(found) };
  const names = splitsIn(parents);
  const meant = nearest(split, names);
  const remedy =
    names.length === 0 ? 'there are no splits there' : `${meant ? `did you mean '${meant}'? ` : ''}There are: ${names.join(', ')}`;
  const looked = parents.map((parent) => join(parent, split, 'labeled.txt')).join(' and ');
  throw new DataError(`data.split '${split}' was not found: looked for ${looked}; ${remedy}`);
}

/** What of a configuration's dataset decides where its lists are. */
type Lists = Pick<Dataset, 'name' | 'unlabelledImages' | 'asStored'>;

/** The images of a folder in the order of their names' characters, whatever order the disk gives. What is hidden is left out. */
function listFolder(folder: string, { folder: name, ending }: NonNullable<Lists['unlabelledImages']>): Sample[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(ending) && !file.startsWith('.'))
    .sort()
    .map((file) => posix.join(name, file))
    .map((image) => ({ id: withoutExtension(image), image }));
}

interface Unlabelled extends Reading {
  readonly file?: string;
  readonly listed: boolean;
}

/**
 * `unlabeled.txt`; where there is none, `train.txt` beside `val.txt` without the labelled images; where there is neither, the
 * dataset's folder without them.
 */
function readUnlabelled({ folder, shared }: Place, labelled: readonly Sample[], { unlabelledImages }: Lists, root: string): Unlabelled {
  const own = join(folder, 'unlabeled.txt');
  if (existsSync(own)) return { ...readLines(own), file: own, listed: false };
  const taken = new Set(labelled.map(({ image }) => image));
  const rest = ({ samples: all, problems }: Reading, file: string, listed: boolean): Unlabelled => {
    const samples = all.filter(({ image }) => !taken.has(image));
    const none = samples.length === 0 && problems.length === 0;
    const nothingLeft = `${file}: every image of it is labelled in ${folder}, so none is left unlabelled`;
    return { samples, problems: none ? [nothingLeft] : problems, file, listed };
  };
  const train = join(shared, 'train.txt');
  if (existsSync(train)) return rest(readLines(train), train, false);
  const images = unlabelledImages && join(root, unlabelledImages.folder);
  if (images !== undefined && existsSync(images))
    return rest({ samples: listFolder(images, unlabelledImages!), problems: [] }, images, true);
  const places = [own, train, ...(images === undefined ? [] : [images])];
  return { samples: [], problems: [`${folder}: no unlabelled images: none of ${places.join(', ')} is there`], listed: false };
}

/** Law of DESIGN.md: no image stands in two lists of a split. */
function sharedImages(folder: string, { labelled, unlabelled, val }: Pick<Split, 'labelled' | 'unlabelled' | 'val'>): string[] {
  const owner = new Map<string, string>();
  const shared: string[] = [];
  for (const [name, samples] of Object.entries({ labelled, unlabelled, val })) {
    for (const { image } of samples) {
      const other = owner.get(image);
      if (other === undefined) owner.set(image, name);
      else shared.push(`${image} (${other} and ${name})`);
    }
  }
  return shared.length > 0 ? [`${folder}: lists must be disjoint, these images stand in two: ${namesOf(shared)}`] : [];
}

/** A sample as its data set reads images: turned as their cameras noted, or as they are stored. */
export const asSeen = (sample: Sample, { asStored }: Pick<Dataset, 'asStored'>): Sample =>
  asStored ? { ...sample, asStored: true } : sample;

/** What a split's lists hold, as far as they can be read, and all that is wrong with them. */
export interface SplitReading {
  readonly split: Split;
  readonly problems: readonly string[];
}

/**
 * The lists of split `split`: looked for as `<root>/splits/<split>/`, then `splits/<dataset>/<split>/` of the package
 * (`labeled.txt`, `unlabeled.txt`, and `val.txt` one level up). Without `unlabeled.txt` the unlabelled images are those of
 * `train.txt`, one level up, that are not labelled; without either, those of the dataset's folder (COCO: `train2017`).
 * Where `split` is an absolute path, it is the folder of all of these lists itself.
 * @param options.labelledOnly leaves the unlabelled images out (empty), for methods that use none.
 * @returns problems that name the list (and line) where one is missing, empty or malformed, or an image stands in two lists.
 * @throws DataError where there is no such split.
 */
export function readSplit(dataset: Lists, root: string, split: string, options: { labelledOnly?: boolean } = {}): SplitReading {
  const place = findSplit(dataset.name, root, split);
  const { folder, shared } = place;
  const files = { labelled: join(folder, 'labeled.txt'), val: join(shared, 'val.txt') };
  const labelled = readLabelled(files.labelled);
  const rest = options.labelledOnly ? undefined : readUnlabelled(place, labelled.samples, dataset, root);
  const val = readLabelled(files.val);
  const seen = (samples: readonly Sample[]): readonly Sample[] => samples.map((sample) => asSeen(sample, dataset));
  const lists = { labelled: seen(labelled.samples), unlabelled: seen(rest?.samples ?? []), val: seen(val.samples) };
  return {
    split: { ...lists, files: rest?.file === undefined ? files : { ...files, unlabelled: rest.file }, listed: rest?.listed ?? false },
    problems: [...labelled.problems, ...(rest?.problems ?? []), ...val.problems, ...sharedImages(folder, lists)],
  };
}

/** The same lists. @throws DataError with all of the problems that `readSplit` tells. */
export function loadSplit(...of: Parameters<typeof readSplit>): Split {
  const { split, problems } = readSplit(...of);
  refuseAny(problems);
  return split;
}

/** At most twenty names and how many more there are. */
function namesOf(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return names.slice(0, NAMES_SHOWN).join(', ') + (more > 0 ? `, and ${more} more` : '');
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await access(path);
    return false;
  } catch {
    return true;
  }
}

/** Those of the paths below `root` that are not there, in order. */
export async function missingOf(root: string, paths: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (let start = 0; start < paths.length; start += CHECKS_AT_ONCE) {
    const part = paths.slice(start, start + CHECKS_AT_ONCE);
    const gone = await Promise.all(part.map((path) => isMissing(join(root, path))));
    missing.push(...part.filter((_, i) => gone[i]));
  }
  return missing;
}

/**
 * Looks for every file of these samples before work starts.
 * @param options.masks false: the label maps are not needed (unlabelled images).
 * @throws DataError that names the missing files (the first 20) and counts them.
 */
export async function checkFiles(root: string, samples: readonly Sample[], options: { masks?: boolean } = {}): Promise<void> {
  const wanted = samples.flatMap(({ image, mask }) => (mask !== undefined && options.masks !== false ? [image, mask] : [image]));
  const missing = await missingOf(root, wanted);
  if (missing.length === 0) return;
  throw new DataError(`${missing.length} of ${wanted.length} files are missing below ${root}: ${namesOf(missing)}`);
}

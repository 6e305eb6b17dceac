/** What the files of one sample hold, and what is wrong with them: all of it, not the first fault alone. */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { type Colour, INVALID_LABEL, type LabelTable } from '../catalog/dataset.ts';
import { decodeImage, orientationOf } from '../decode/image.ts';
import { decodeLabelColours, decodeLabelMap } from '../decode/label-map.ts';
import { decodeAsSeen, fitToMask } from '../loader/source.ts';
import type { LabelMap, Rgb, Sample } from '../types.ts';

export type FileFault = 'missing' | 'unreadable' | 'size_mismatch';

/** Why training could not use a file. */
export interface Fault {
  readonly kind: FileFault;
  /** Path as the list gives it. */
  readonly file: string;
  readonly text: string;
}

/** A stored label that the label table does not allow: a number, or a colour. */
export interface WrongLabel {
  readonly label?: number;
  readonly colour?: Colour;
  readonly pixels: number;
  /** Where the first of them is. */
  readonly row: number;
  readonly column: number;
}

/**
 * How an image with a noted turn (EXIF orientation) is taken: `turned` because its mask has that size, or it has no mask;
 * `stored` because its mask has the stored size; `either`: turned, though the mask would fit both.
 */
export type Turn = 'none' | 'turned' | 'stored' | 'either';

export interface ImageFacts {
  readonly width: number;
  readonly height: number;
  /** Of size and decoded pixels. */
  readonly hash: string;
  /** The least and the greatest value of any channel. */
  readonly low: number;
  readonly high: number;
  readonly turn: Turn;
}

export interface LabelFacts {
  readonly width: number;
  readonly height: number;
  /** 256 entries: pixels of each train label, 255 = ignored, `INVALID_LABEL` = not allowed. */
  readonly counts: readonly number[];
  readonly wrong: readonly WrongLabel[];
}

/** Plain data, so that a worker can send it. `labels` where the sample has a mask that training reads. */
export interface Examination {
  readonly faults: readonly Fault[];
  readonly image?: ImageFacts;
  readonly labels?: LabelFacts;
}

function hashOf({ width, height, data }: Rgb): string {
  return createHash('sha1').update(`${width}x${height};`).update(data).digest('base64');
}

function rangeOf(data: Uint8Array): { low: number; high: number } {
  let [low, high] = [255, 0];
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}

/** Counts a label map's pixels by train label, and those that the table does not allow by stored label. */
export function countLabels({ data, width, height }: LabelMap, table: Uint8Array): LabelFacts {
  const stored = new Uint32Array(256);
  for (const label of data) stored[label]!++;
  const counts = new Array<number>(256).fill(0);
  const wrong: WrongLabel[] = [];
  for (const [label, pixels] of stored.entries()) {
    const train = table[label]!;
    counts[train]! += pixels;
    if (pixels === 0 || train !== INVALID_LABEL) continue;
    const first = data.indexOf(label);
    wrong.push({ label, pixels, row: Math.floor(first / width), column: first % width });
  }
  return { width, height, counts, wrong };
}

/** Colours that are told of one label map at most: smoothed borders have thousands. */
const MOST_COLOURS = 8;

/** The same of a label map whose colours are its labels; of wrong ones those of the most pixels. */
export function countColours({ data, width, height }: Rgb, table: ReadonlyMap<number, number>): LabelFacts {
  const stored = new Map<number, { pixels: number; readonly first: number }>();
  for (let i = 0; i < width * height; i++) {
    const colour = (data[3 * i]! << 16) | (data[3 * i + 1]! << 8) | data[3 * i + 2]!;
    const found = stored.get(colour);
    if (found) found.pixels++;
    else stored.set(colour, { pixels: 1, first: i });
  }
  const counts = new Array<number>(256).fill(0);
  const wrong: (WrongLabel & { readonly pixels: number })[] = [];
  for (const [key, { pixels, first }] of stored) {
    const train = table.get(key) ?? INVALID_LABEL;
    counts[train]! += pixels;
    if (train !== INVALID_LABEL) continue;
    const colour = [key >> 16, (key >> 8) & 255, key & 255] as const;
    wrong.push({ colour, pixels, row: Math.floor(first / width), column: first % width });
  }
  return { width, height, counts, wrong: wrong.sort((a, b) => b.pixels - a.pixels).slice(0, MOST_COLOURS) };
}

/** A label map opened and counted, stored as the table says: as numbers or as colours. */
async function readFacts(path: string, table: LabelTable): Promise<LabelFacts> {
  return table instanceof Uint8Array ? countLabels(await decodeLabelMap(path), table) : countColours(await decodeLabelColours(path), table);
}

/** A file decoded, or its fault. */
async function attempt<T>(file: string, decoding: Promise<T>): Promise<{ value: T } | { fault: Fault }> {
  try {
    return { value: await decoding };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const { cause } = error;
    const gone = cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR');
    return { fault: { kind: gone ? 'missing' : 'unreadable', file, text: error.message } };
  }
}

async function turnOf(path: string, image: Rgb, labels: LabelFacts | undefined): Promise<Turn> {
  const orientation = await orientationOf(path);
  if (orientation === 1) return 'none';
  if (!labels) return 'turned';
  const stored = await decodeImage(path, false);
  const fits = (a: Rgb): boolean => a.width === labels.width && a.height === labels.height;
  if (!fits(stored)) return 'turned';
  return fits(image) ? 'either' : 'stored';
}

/**
 * Opens and decodes a sample's image and, where a table is given and it has one, its label map, as training does (`decodeSample`).
 * @param table stored label or colour -> train label; a sample's own goes first.
 */
export async function examineSample(root: string, sample: Sample, table?: LabelTable): Promise<Examination> {
  const imagePath = join(root, sample.image);
  const { mask } = sample;
  const maskPath = table !== undefined && mask !== undefined ? resolve(root, mask) : undefined;
  const [image, labels] = await Promise.all([
    attempt(sample.image, decodeAsSeen(imagePath, sample)),
    maskPath === undefined ? undefined : attempt(mask!, readFacts(maskPath, sample.labelTable ?? table!)),
  ]);
  const faults = [image, labels].flatMap((found) => (found && 'fault' in found ? [found.fault] : []));
  const facts: { image?: ImageFacts; labels?: LabelFacts } = {};
  const decoded = labels && 'value' in labels ? labels.value : undefined;
  if (decoded) facts.labels = decoded;
  if ('value' in image) {
    let taken = image.value;
    if (decoded) {
      const fitted = await attempt(mask!, fitToMask(taken, sample, decoded, imagePath, maskPath!));
      if ('value' in fitted) taken = fitted.value;
      else faults.push({ ...fitted.fault, kind: 'size_mismatch' });
    }
    const asSeen = taken === image.value;
    const turn = sample.asStored ? (asSeen ? 'none' : 'turned') : await turnOf(imagePath, image.value, decoded);
    facts.image = { width: taken.width, height: taken.height, hash: hashOf(taken), ...rangeOf(taken.data), turn };
  }
  return { faults, ...facts };
}

/** Writes drawn pictures as a data set folder: images, label maps as palette PNGs, and the lists of one split. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { ConfigError } from '../../../base/errors.ts';
import { SHAPES_PALETTE } from './classes.ts';
import { drawScene, isOfSunnySummer, type Size } from './scene.ts';

export interface ShapesOptions {
  /** Names the training pictures. */
  readonly seed: number;
  /** Pictures with a label map, and pictures without. */
  readonly labelled: number;
  readonly unlabelled: number;
  /**
   * Which pictures have a label map: the first of sunny summer days; or, as somebody would choose who may label few, those of
   * the sunny summer days among the first `labelled + unlabelled` pictures that show the most classes.
   */
  readonly labelledAre: 'sunny-summer' | 'sunny-summer-most-classes';
  /** Pictures for evaluation, of a seed of their own. */
  readonly validation: number;
  readonly validationSeed: number;
  readonly size: Size;
  /** Folder of the lists below `splits/`; 'quickstart' by default. */
  readonly split?: string;
  /** Called after each picture with how many of all are there. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Aborted: stops after the present picture, without lists. */
  readonly signal?: AbortSignal | undefined;
}

/** JPEG quality of the pictures, without chroma subsampling: that of a good camera. */
const JPEG_QUALITY = 92;

function checkOptions(options: ShapesOptions): void {
  for (const key of ['labelled', 'unlabelled', 'validation'] as const) {
    if (Number.isInteger(options[key]) && options[key] >= 1) continue;
    throw new ConfigError(`${key}: ${options[key]} pictures; allowed: a whole number from 1`);
  }
  const { width, height } = options.size;
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 32 || height < 32 || width > 2048 || height > 2048) {
    throw new ConfigError(`size: ${width} x ${height} pixels; allowed: whole numbers from 32 to 2048`);
  }
  if (options.seed === options.validationSeed) {
    throw new ConfigError(
      `validationSeed: ${options.seed} is the training pictures' seed too; allowed: any other, so that evaluation sees new pictures`,
    );
  }
}

interface Entry {
  readonly seed: number;
  readonly index: number;
  readonly name: string;
  readonly masked: boolean;
}

async function writeEntry(folder: string, entry: Entry, size: Size): Promise<void> {
  const { image, labels } = drawScene(entry.seed, entry.index, size);
  const raw = { width: size.width, height: size.height, channels: 3 as const };
  await sharp(image.data, { raw })
    .jpeg({ quality: JPEG_QUALITY, chromaSubsampling: '4:4:4' })
    .toFile(join(folder, 'images', `${entry.name}.jpg`));
  if (!entry.masked) return;
  const palette = SHAPES_PALETTE.map((colour) => [...colour]);
  writeFileSync(join(folder, 'masks', `${entry.name}.png`), encode({ ...labels, channels: 1, depth: 8, palette }));
}

/** A class counts as shown from this share of the pixels on: 24 of 128 x 96. */
const LEAST_SHARE = 1 / 512;

function classesShown(seed: number, index: number, size: Size): number {
  const counts = new Uint32Array(256);
  for (const label of drawScene(seed, index, size).labels.data) counts[label]!++;
  return counts.filter((count) => count >= LEAST_SHARE * size.width * size.height).length;
}

/** Indices of the sunny summer pictures that show the most classes. @throws ConfigError where there are too few of them. */
function mostClasses({ seed, labelled, unlabelled, size }: ShapesOptions): number[] {
  const all = Array.from({ length: labelled + unlabelled }, (_, index) => index);
  const sunny = all.filter((index) => isOfSunnySummer(seed, index));
  if (sunny.length < labelled)
    throw new ConfigError(
      `labelled: ${labelled} pictures, but only ${sunny.length} of ${all.length} are of sunny summer days; allowed: at most ${sunny.length}, or more unlabelled pictures to choose among`,
    );
  const candidates = sunny.map((index) => ({ index, shown: classesShown(seed, index, size) }));
  const chosen = candidates.sort((a, b) => b.shown - a.shown || a.index - b.index).slice(0, labelled);
  return chosen.map(({ index }) => index).sort((a, b) => a - b);
}

/** The first `count` indices that a picture is wanted of. */
function firstIndices(count: number, wanted: (index: number) => boolean): number[] {
  const indices: number[] = [];
  for (let index = 0; indices.length < count; index++) {
    if (wanted(index)) indices.push(index);
  }
  return indices;
}

/** Indices of the pictures with a label map, and of the first others. */
function dealOut(options: ShapesOptions): { labelled: number[]; unlabelled: number[] } {
  const { seed, labelledAre } = options;
  const labelled =
    labelledAre === 'sunny-summer' ? firstIndices(options.labelled, (index) => isOfSunnySummer(seed, index)) : mostClasses(options);
  const taken = new Set(labelled);
  const unlabelled = firstIndices(options.unlabelled, (index) => !taken.has(index));
  return { labelled, unlabelled };
}

/**
 * Writes `images/*.jpg`, `masks/*.png` (palette), `splits/NAME/labeled.txt`, `splits/NAME/unlabeled.txt` and `splits/val.txt`
 * below `folder`. Unlabelled pictures get no label map. The same options give the same files.
 * @returns false when it was stopped by the signal.
 * @throws ConfigError for counts, sizes or seeds that cannot be.
 */
export async function writeShapes(folder: string, options: ShapesOptions): Promise<boolean> {
  checkOptions(options);
  const deal = dealOut(options);
  const { seed, validationSeed, validation, size, split = 'quickstart' } = options;
  for (const name of ['images', 'masks', join('splits', split)]) mkdirSync(join(folder, name), { recursive: true });
  const named = (kind: 'train' | 'val', of: number, index: number, masked: boolean): Entry => ({
    seed: of,
    index,
    name: `${kind}-${String(index).padStart(4, '0')}`,
    masked,
  });
  const lists = {
    [join(split, 'labeled.txt')]: deal.labelled.map((index) => named('train', seed, index, true)),
    [join(split, 'unlabeled.txt')]: deal.unlabelled.map((index) => named('train', seed, index, false)),
    'val.txt': Array.from({ length: validation }, (_, index) => named('val', validationSeed, index, true)),
  };
  const all = Object.values(lists).flat();
  let done = 0;
  for (const entry of all) {
    if (options.signal?.aborted) return false;
    await writeEntry(folder, entry, size);
    options.onProgress?.(++done, all.length);
  }
  for (const [file, list] of Object.entries(lists)) {
    const lines = list.map(({ name, masked }) => `images/${name}.jpg${masked ? ` masks/${name}.png` : ''}\n`);
    writeFileSync(join(folder, 'splits', file), lines.join(''));
  }
  return true;
}

/** Writes drawn pictures as a data set folder: images, label maps as palette PNGs, and the lists of one split. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { ConfigError } from '../../../base/errors.ts';
import { SHAPES_PALETTE } from './classes.ts';
import { drawScene, type Size } from './scene.ts';

export interface ShapesOptions {
  /** Names the training pictures. */
  readonly seed: number;
  /** Pictures with a label map, and pictures without. */
  readonly labelled: number;
  readonly unlabelled: number;
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

/**
 * Writes `images/*.jpg`, `masks/*.png` (palette), `splits/NAME/labeled.txt`, `splits/NAME/unlabeled.txt` and `splits/val.txt`
 * below `folder`. Unlabelled pictures get no label map. The same options give the same files.
 * @returns false when it was stopped by the signal.
 * @throws ConfigError for counts, sizes or seeds that cannot be.
 */
export async function writeShapes(folder: string, options: ShapesOptions): Promise<boolean> {
  checkOptions(options);
  const { seed, validationSeed, labelled, unlabelled, validation, size, split = 'quickstart' } = options;
  for (const name of ['images', 'masks', join('splits', split)]) mkdirSync(join(folder, name), { recursive: true });
  const entries = (prefix: string, of: number, from: number, count: number, masked: boolean): Entry[] =>
    Array.from({ length: count }, (_, i) => ({
      seed: of,
      index: from + i,
      name: `${prefix}-${String(from + i).padStart(4, '0')}`,
      masked,
    }));
  const lists = {
    [join(split, 'labeled.txt')]: entries('train', seed, 0, labelled, true),
    [join(split, 'unlabeled.txt')]: entries('train', seed, labelled, unlabelled, false),
    'val.txt': entries('val', validationSeed, 0, validation, true),
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

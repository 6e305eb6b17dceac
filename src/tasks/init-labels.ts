/** What label maps hold: numbers or colours, which ones, how often, in which images. */
import { join } from 'node:path';
import { DataError } from '../base/errors.ts';
import { forEach } from '../base/for-each.ts';
import { type Colour, colourKey, MAX_CLASSES } from '../data/catalog/index.ts';
import { type ImageSize, imageSize } from '../data/decode/image-size.ts';
import { decodeLabelColours, decodeLabelMap, labelStorage, type Storage } from '../data/decode/label-map.ts';
import { shownColour } from '../data/loader/source.ts';
import { listed } from './init-scan.ts';
import type { Reporter } from './types.ts';

/** Distinct colours from which a label map is none: classes, and a few colours to ignore. */
const MOST_COLOURS = MAX_CLASSES + 16;
/** Share of the pixels with 0 or 255 from which what lies between looks like soft edges, and the number of labels that it takes. */
const BLACK_AND_WHITE = 0.8;
const SOFT_LABELS = 16;
/** Smoothed edges of many masks leave out no number either. */
const MOST_NUMBERED = 200;

/** How often a stored label occurs. */
export interface Count {
  pixels: number;
  images: number;
}

export interface LabelMaps {
  /** What a label is: a number, or a colour (`colourKey`). */
  readonly stored: 'numbers' | 'colours';
  /** Why, in words. */
  readonly how: string;
  /** Of label maps with a palette. */
  readonly palette?: readonly Colour[];
  readonly counts: ReadonlyMap<number, Count>;
  /** The stored labels of each label map, in their order. */
  readonly present: readonly (readonly number[])[];
  /** What to look at, where they are of two kinds. */
  readonly doubt?: string;
}

/** Whether the palettes say the same of every number that both have: shorter ones only end sooner. */
function agree(palettes: readonly (readonly Colour[])[]): boolean {
  const longest = palettes.reduce((a, b) => (b.length > a.length ? b : a), []);
  return palettes.every((palette) => palette.every((colour, i) => colourKey(colour) === colourKey(longest[i]!)));
}

/** Numbers, unless colours are stored somewhere, or palettes differ from file to file, so that their numbers mean nothing. */
function storageOf(storages: readonly Storage[]): Pick<LabelMaps, 'stored' | 'how' | 'palette'> {
  const count = (kind: Storage['kind']): number => storages.filter((storage) => storage.kind === kind).length;
  const palettes = storages.flatMap((storage) => (storage.kind === 'palette' ? [storage.palette] : []));
  const [grey, colours] = [count('grey'), count('colours')];
  if (colours > 0)
    return { stored: 'colours', how: colours === storages.length ? 'RGB colours' : `RGB colours in ${colours} of ${storages.length}` };
  if (palettes.length === 0) return { stored: 'numbers', how: 'grey levels' };
  if (!agree(palettes)) return { stored: 'colours', how: 'palettes that differ from file to file, so by their colours' };
  const palette = palettes.reduce((a, b) => (b.length > a.length ? b : a));
  return { stored: 'numbers', how: grey === 0 ? 'palette numbers' : 'palette numbers and grey levels', palette };
}

/**
 * What is doubtful about label maps of two kinds: grey ones beside coloured ones may be the same colours, made smaller by a tool, or numbers.
 * @throws DataError where palettes that disagree stand beside grey levels, so that neither numbers nor colours mean anything
 */
function doubtOfKinds(masks: readonly string[], storages: readonly Storage[]): string | undefined {
  const palettes = storages.flatMap((storage) => (storage.kind === 'palette' ? [storage.palette] : []));
  const of = (kind: Storage['kind']): string[] => masks.filter((_, i) => storages[i]!.kind === kind);
  const [grey, colours, indexed] = [of('grey'), of('colours'), of('palette')];
  if (grey.length > 0 && colours.length === 0 && !agree(palettes))
    throw new DataError(
      `label maps of two kinds: ${grey.length} hold grey levels (such as ${grey[0]}), ${indexed.length} palettes that differ from file to file (such as ${indexed[0]}); allowed: all numbers, or all colours`,
    );
  if (grey.length === 0 || colours.length === 0) return undefined;
  return `${grey.length} label maps hold grey levels (such as ${grey[0]}), ${colours.length} RGB colours (such as ${colours[0]}): all are read by their colours; look whether the grey ones hold numbers`;
}

/** Pixels of each number. */
function countNumbers(data: Uint8Array): Map<number, number> {
  const pixels = new Float64Array(256);
  for (const label of data) pixels[label]!++;
  return new Map([...pixels].flatMap((count, label) => (count > 0 ? [[label, count] as const] : [])));
}

/** Pixels of each colour. @throws DataError where there are too many for labels. */
function countColours(data: Uint8Array, path: string): Map<number, number> {
  const pixels = new Map<number, number>();
  for (let i = 0; i < data.length; ) {
    const start = i;
    const key = (data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!;
    do i += 3;
    while (i < data.length && ((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!) === key);
    pixels.set(key, (pixels.get(key) ?? 0) + (i - start) / 3);
    if (pixels.size > MOST_COLOURS) throw tooMany(path, pixels);
  }
  return pixels;
}

function tooMany(what: string, pixels: ReadonlyMap<number, number>): DataError {
  const common = [...pixels].sort((a, b) => b[1] - a[1]).slice(0, 5);
  return new DataError(
    `${what}: more than ${MOST_COLOURS} colours, the commonest ${common.map(([key]) => shownColour(key)).join(' ')}; allowed: a colour a class, at most ${MAX_CLASSES}. It is no label map, or its edges are soft, or it was a JPEG once: write it anew from its source, without smoothing or scaling`,
  );
}

const sameSize = (a: ImageSize, b: ImageSize): boolean => a.width === b.width && a.height === b.height;

/**
 * Reads every label map, and the header of its image.
 * @throws DataError that names the files: label maps that cannot be read, hold too many labels, or are not of their images' sizes.
 */
export async function readLabelMaps(
  root: string,
  pairs: readonly { readonly image: string; readonly mask: string }[],
  reporter: Reporter,
): Promise<LabelMaps> {
  reporter.start(pairs.length, 'label maps', { unit: 'file' });
  const wrong: string[] = [];
  /** All that is wrong is told at once. */
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      wrong.push(error.message);
      return undefined;
    }
  };
  const storages = await forEach(pairs, ({ mask }) => attempt(() => labelStorage(join(root, mask))));
  const known = pairs.flatMap(({ image, mask }, i) => (storages[i] ? [{ image, mask, kind: storages[i] }] : []));
  const kinds = known.map(({ kind }) => kind);
  const doubt = doubtOfKinds(
    known.map(({ mask }) => mask),
    kinds,
  );
  const storage = storageOf(kinds);
  const counts = new Map<number, Count>();
  const pixelsOf = async ({ image, mask }: { image: string; mask: string }): Promise<Map<number, number>> => {
    const path = join(root, mask);
    const map = await (storage.stored === 'numbers' ? decodeLabelMap(path) : decodeLabelColours(path));
    const { stored, turned } = await imageSize(join(root, image));
    if (!sameSize(map, stored) && !sameSize(map, turned))
      throw new DataError(
        `${mask} has ${map.width} x ${map.height} pixels, ${image} ${turned.width} x ${turned.height}; an image and its label map must have the same size`,
      );
    return storage.stored === 'numbers' ? countNumbers(map.data) : countColours(map.data, path);
  };
  const read = async (pair: { image: string; mask: string }): Promise<number[]> => {
    const pixels = (await attempt(() => pixelsOf(pair))) ?? new Map<number, number>();
    for (const [label, more] of pixels) {
      const count = counts.get(label) ?? { pixels: 0, images: 0 };
      count.pixels += more;
      count.images++;
      counts.set(label, count);
    }
    if (storage.stored === 'colours' && counts.size > MOST_COLOURS)
      throw tooMany('the label maps together', new Map([...counts].map(([key, count]) => [key, count.pixels])));
    return [...pixels.keys()].sort((a, b) => a - b);
  };
  const present = await forEach(known, read, (done) => reporter.update({ iteration: done }));
  reporter.end();
  if (wrong.length === 1) throw new DataError(wrong[0]!);
  if (wrong.length > 0)
    throw new DataError(`${wrong.length} of ${pairs.length} label maps cannot be used:\n  ${listed(wrong.sort(), '\n  ')}`);
  return { ...storage, counts, present, ...(doubt !== undefined && { doubt }) };
}

/** Whether label maps of numbers look like masks of 0 and 255 whose edges were smoothed, and not like classes numbered without a gap. */
export function looksSoft({ stored, counts }: LabelMaps): boolean {
  if (stored !== 'numbers' || counts.size < SOFT_LABELS) return false;
  const largest = Math.max(...[...counts.keys()].filter((label) => label !== 255));
  if (largest + 2 === counts.size && largest < MOST_NUMBERED) return false;
  const all = [...counts.values()].reduce((sum, { pixels }) => sum + pixels, 0);
  const two = (counts.get(0)?.pixels ?? 0) + (counts.get(255)?.pixels ?? 0);
  return counts.has(0) && counts.has(255) && two > BLACK_AND_WHITE * all;
}

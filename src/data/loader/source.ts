/** A sample's files as the views need them: decoded, checked against each other, labels translated. */
import { join, resolve } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { sizeForLongSide } from '../augment/long-side.ts';
import { resizeBilinear, resizeNearest } from '../augment/resize.ts';
import { INVALID_LABEL, type LabelTable } from '../catalog/dataset.ts';
import { decodeImage } from '../decode/image.ts';
import { decodeLabelColours, decodeLabelMap } from '../decode/label-map.ts';
import type { LabelMap, Rgb, Sample } from '../types.ts';

/** What is known of an image before it is cropped. `labels` are train labels. */
export interface Source {
  readonly image: Rgb;
  readonly labels?: LabelMap;
}

/** The stored labels that a table allows, numbers as ranges: '0..10, 255, 11 -> 255', or '[0, 0, 0] [255, 0, 0]'. */
export function allowedLabels(table: LabelTable): string {
  if (!(table instanceof Uint8Array)) return [...table.keys()].map(shownColour).join(' ');
  const ranges: string[] = [];
  const mapped: string[] = [];
  for (let label = 0; label < 256; label++) {
    if (table[label] === INVALID_LABEL) continue;
    if (table[label] !== label) {
      mapped.push(`${label} -> ${table[label]}`);
      continue;
    }
    const start = label;
    while (label < 255 && table[label + 1] === label + 1 && label + 1 !== INVALID_LABEL) label++;
    ranges.push(label > start ? `${start}..${label}` : `${label}`);
  }
  return [...ranges, ...mapped].join(', ');
}

/** Stored labels to train labels. @throws DataError that names the file, the value and where it stands. */
export function translateLabels(labels: LabelMap, table: Uint8Array, path: string): LabelMap {
  const data = new Uint8Array(labels.data.length);
  for (let i = 0; i < data.length; i++) {
    const label = table[labels.data[i]!]!;
    if (label === INVALID_LABEL) {
      const where = `row ${Math.floor(i / labels.width)}, column ${i % labels.width}`;
      throw new DataError(
        `${path}: label ${labels.data[i]} (${where}) is not allowed; allowed: ${allowedLabels(table)}; data.label_map can map others, 255 = ignore`,
      );
    }
    data[i] = label;
  }
  return { width: labels.width, height: labels.height, data };
}

/** A colour as configurations write it. */
export const shownColour = (key: number): string => `[${key >> 16}, ${(key >> 8) & 255}, ${key & 255}]`;

/** Colours to train labels. @throws DataError that names the file, the colour and where it stands. */
export function translateColours({ width, height, data }: Rgb, table: ReadonlyMap<number, number>, path: string): LabelMap {
  const labels = new Uint8Array(width * height);
  // Neighbours mostly have the same colour.
  let colour = -1;
  let label: number | undefined;
  for (let i = 0; i < labels.length; i++) {
    const next = (data[3 * i]! << 16) | (data[3 * i + 1]! << 8) | data[3 * i + 2]!;
    if (next !== colour) {
      colour = next;
      label = table.get(colour);
    }
    if (label === undefined) {
      const where = `row ${Math.floor(i / width)}, column ${i % width}`;
      throw new DataError(
        `${path}: colour ${shownColour(colour)} (${where}) is not allowed; allowed: ${allowedLabels(table)}; data.label_colours and data.ignore_colours can name others`,
      );
    }
    labels[i] = label;
  }
  return { width, height, data: labels };
}

/** A label map's train labels, stored as numbers or as colours. @throws DataError that names the file. */
export async function readLabels(path: string, table: LabelTable): Promise<LabelMap> {
  if (table instanceof Uint8Array) return translateLabels(await decodeLabelMap(path), table, path);
  return translateColours(await decodeLabelColours(path), table, path);
}

const sameSize = (a: { width: number; height: number }, b: { width: number; height: number }): boolean =>
  a.width === b.width && a.height === b.height;

/**
 * An image: turned as its file notes (EXIF orientation), which is how people see it and how label tools show it; or as it is stored,
 * where its dataset is read so.
 */
export const decodeAsSeen = (path: string, { asStored }: Pick<Sample, 'asStored'>): Promise<Rgb> => decodeImage(path, !asStored);

/**
 * The image as its mask wants it: as it is seen, unless the mask has the size of the other way alone.
 * @param image as `decodeAsSeen` gives it.
 * @throws DataError that names both files and their sizes where the mask fits neither.
 */
export async function fitToMask(
  image: Rgb,
  { asStored = false }: { readonly asStored?: boolean },
  mask: { width: number; height: number },
  imagePath: string,
  maskPath: string,
): Promise<Rgb> {
  if (sameSize(image, mask)) return image;
  const other = await decodeImage(imagePath, asStored);
  if (sameSize(other, mask)) return other;
  const [turned, stored] = asStored ? [other, image] : [image, other];
  const size = (a: { width: number; height: number }): string => `${a.width} x ${a.height}`;
  const note = sameSize(turned, stored) ? '' : ` (${size(stored)} as stored, turned by its EXIF orientation)`;
  throw new DataError(
    `${maskPath} has ${size(mask)} pixels, its image ${imagePath} has ${size(turned)}${note}; both must have the same size`,
  );
}

/** Image and labels of one size; a mask that a network made holds train labels already. */
async function decodePair(imagePath: string, sample: Sample, maskPath: string, table: LabelTable | undefined): Promise<Required<Source>> {
  const [image, labels] = await Promise.all([
    decodeAsSeen(imagePath, sample),
    table ? readLabels(maskPath, table) : decodeLabelMap(maskPath),
  ]);
  return { image: await fitToMask(image, sample, labels, imagePath, maskPath), labels };
}

/**
 * Decodes a sample at its own size, with its label map where `table` is given and it has one; a sample's own table goes first.
 * @throws DataError that names the file, or both files and their sizes where these differ.
 */
export async function decodeSample(root: string, sample: Sample, table?: LabelTable): Promise<Source> {
  const imagePath = join(root, sample.image);
  if (table === undefined || sample.mask === undefined) return { image: await decodeAsSeen(imagePath, sample) };
  const maskPath = resolve(root, sample.mask);
  return decodePair(imagePath, sample, maskPath, sample.pseudo ? undefined : (sample.labelTable ?? table));
}

/** Image (bilinear) and labels (nearest) at the size whose long side is `longSide`; as they are where that is null. */
export function atLongSide({ image, labels }: Source, longSide: number | null): Source {
  if (longSide === null) return labels ? { image, labels } : { image };
  const size = sizeForLongSide(image.width, image.height, longSide);
  if (size.width === image.width && size.height === image.height) return labels ? { image, labels } : { image };
  const resized = resizeBilinear(image, size);
  return labels ? { image: resized, labels: resizeNearest(labels, size) } : { image: resized };
}

/**
 * Small trees of files in the true layout and file formats of Pascal VOC, Cityscapes and COCO, with a split of two labelled images
 * under the name that the dataset's configuration asks for. Images are stripes, a colour for every stored label.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { random } from '../../src/base/random.ts';
import { vocPalette } from '../../src/data/catalog/index.ts';

/** Width and height of an image that lies down. */
export type Size = readonly [width: number, height: number];

/** Labels as stored, in stripes: number k of the image's own is `labels[(key + k) % labels.length]`, with a stripe of `border` between. */
function stripes([width, height]: Size, key: number, labels: readonly number[], border: number): Uint8Array {
  const wide = Math.max(4, Math.floor(width / 6));
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const x = i % width;
    return x % wide === wide - 1 ? border : labels[(key + Math.floor(x / wide)) % labels.length]!;
  });
}

/** A colour for each label, with some noise. */
function pixelsOf(labels: Uint8Array, key: number): Uint8Array {
  const colours = vocPalette(256);
  const noise = random('dataset trees', key);
  return Uint8Array.from({ length: 3 * labels.length }, (_, i) => {
    const value = colours[labels[Math.floor(i / 3)]!]![i % 3]! + noise.integer(-15, 15);
    return Math.min(255, Math.max(0, value));
  });
}

function put(root: string, path: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), bytes);
}

const putJpeg = async (root: string, path: string, [width, height]: Size, pixels: Uint8Array): Promise<void> =>
  put(
    root,
    path,
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 92 })
      .toBuffer(),
  );

const grey = ([width, height]: Size, data: Uint8Array): Uint8Array => encode({ width, height, data, channels: 1, depth: 8 });

const listOf = (pairs: readonly (readonly [image: string, mask: string])[]): string =>
  pairs.map(([image, mask]) => `${image} ${mask}\n`).join('');

/** Numbers of the images: two labelled, four more for training, two for validation. */
const LABELLED = [0, 3];
const TRAIN = [0, 1, 2, 3, 4, 5];
const VAL = [6, 7];

/** Every third image stands upright. */
const turned = ([width, height]: Size, key: number): Size => (key % 3 === 2 ? [height, width] : [width, height]);

/** JPEGImages/*.jpg, SegmentationClass/*.png with the 256 colours of VOC, 255 between objects; splits/1_8, train.txt, val.txt. */
export async function writePascal(root: string, size: Size = [50, 38]): Promise<void> {
  const palette = vocPalette(256).map((colour) => [...colour]);
  const pair = (key: number) => [`JPEGImages/2007_00003${key}.jpg`, `SegmentationClass/2007_00003${key}.png`] as const;
  for (const key of [...TRAIN, ...VAL]) {
    const [width, height] = turned(size, key);
    const labels = stripes([width, height], key, [0, 15, 0, 12, 20], 255);
    await putJpeg(root, pair(key)[0], [width, height], pixelsOf(labels, key));
    put(root, pair(key)[1], encode({ width, height, data: labels, channels: 1, depth: 8, palette }));
  }
  put(root, 'splits/1_8/labeled.txt', listOf(LABELLED.map(pair)));
  put(root, 'splits/train.txt', listOf(TRAIN.map(pair)));
  put(root, 'splits/val.txt', listOf(VAL.map(pair)));
}

/** Label ids and the train ids that Cityscapes gives them; 4 is static, 29 a caravan. */
const CITY_IDS = [
  [7, 0],
  [26, 13],
  [4, 255],
  [33, 18],
  [29, 255],
  [23, 10],
] as const;

/**
 * leftImg8bit/ and gtFine/ by city, PNGs twice as wide as high, grey label maps. `kinds` says which label maps image number k has.
 */
export function writeCityscapes(root: string, kinds: (key: number) => readonly ('trainIds' | 'labelIds')[], size: Size = [128, 64]): void {
  const nameOf = (key: number): string => (key < 4 ? 'train/aachen/aachen' : key < 6 ? 'train/jena/jena' : 'val/frankfurt/frankfurt');
  const stem = (key: number): string => `${nameOf(key)}_00000${key}_000019`;
  const pair = (key: number) => [`leftImg8bit/${stem(key)}_leftImg8bit.png`, `gtFine/${stem(key)}_gtFine_labelTrainIds.png`] as const;
  for (const key of [...TRAIN, ...VAL]) {
    const [width, height] = size;
    const ids = stripes(
      size,
      key,
      CITY_IDS.map(([id]) => id),
      0,
    );
    const trainIds = stripes(
      size,
      key,
      CITY_IDS.map(([, train]) => train),
      255,
    );
    put(root, pair(key)[0], encode({ width, height, data: pixelsOf(ids, key), channels: 3, depth: 8 }));
    if (kinds(key).includes('trainIds')) put(root, pair(key)[1], grey(size, trainIds));
    if (kinds(key).includes('labelIds')) put(root, `gtFine/${stem(key)}_gtFine_labelIds.png`, grey(size, ids));
  }
  put(root, 'splits/1_8/labeled.txt', listOf(LABELLED.map(pair)));
  put(root, 'splits/train.txt', listOf(TRAIN.map(pair)));
  put(root, 'splits/val.txt', listOf(VAL.map(pair)));
}

/** train2017/ and val2017/ with JPEGs, masks/ with grey PNGs of the labelled and the validation images alone; splits/1_512, val.txt. */
export async function writeCoco(root: string, size: Size = [64, 48]): Promise<void> {
  const nameOf = (key: number): string => `0000000${String((key * 7919) % 90000).padStart(5, '0')}`;
  const pair = (key: number) => [`${VAL.includes(key) ? 'val2017' : 'train2017'}/${nameOf(key)}.jpg`, `masks/${nameOf(key)}.png`] as const;
  for (const key of [...TRAIN, ...VAL]) {
    const [width, height] = turned(size, key);
    const labels = stripes([width, height], key, [0, 1, 80, 17, 0, 63], 255);
    await putJpeg(root, pair(key)[0], [width, height], pixelsOf(labels, key));
    if (LABELLED.includes(key) || VAL.includes(key)) put(root, pair(key)[1], grey([width, height], labels));
  }
  put(root, 'splits/1_512/labeled.txt', listOf(LABELLED.map(pair)));
  put(root, 'splits/val.txt', listOf(VAL.map(pair)));
}

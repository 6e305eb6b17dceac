/** Evaluation on a list of images: mIoU at original resolution, batch 1, each image counted once (SPEC section 7). */
import { imageToTensor, toLabelMap } from '../batch/index.ts';
import { IGNORE_LABEL } from '../data/catalog/index.ts';
import type { EvalItem } from '../data/loader/index.ts';
import type { LabelMap, Rgb } from '../data/types.ts';
import { ConfusionMatrix, classScores, predictClasses } from '../eval/index.ts';
import type { Selection } from '../methods/index.ts';
import type { DeepLabV3Plus } from '../models/index.ts';
import type { Scores } from '../runs/events.ts';
import { type Device, noGrad, ops, scope } from '../torch/index.ts';

export interface Viewing {
  readonly mode: 'original' | 'center_crop' | 'sliding_window';
  /** Side of windows and of the centre crop, pixels. */
  readonly cropSize: number;
  readonly tta: boolean;
  readonly device: Device;
}

/** An image of an evaluation as the networks saw it, its labels, and what each network made of it, both at the image's original size. */
export interface Seen {
  readonly image: Rgb;
  readonly labels: LabelMap;
  readonly predictions: readonly LabelMap[];
}

/** A stretch of an image's rows or columns. */
interface Part {
  readonly start: number;
  readonly length: number;
}

/** The centre of a side: the whole of it where it is shorter than the crop, else from floor((side - crop) / 2) on. */
function centreOf(side: number, crop: number): Part {
  const length = Math.min(crop, side);
  return { start: Math.floor((side - length) / 2), length };
}

/** The same part of a side that is `to` pixels long in place of `from`. */
const scaled = ({ start, length }: Part, from: number, to: number): Part => {
  const begin = Math.round((start * to) / from);
  return { start: begin, length: Math.max(1, Math.round(((start + length) * to) / from) - begin) };
};

function cut<T extends Rgb | LabelMap>(picture: T, { start: top, length: height }: Part, { start: left, length: width }: Part): T {
  const channels = picture.data.length / (picture.width * picture.height);
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * picture.width + left) * channels;
    data.set(picture.data.subarray(start, start + width * channels), y * width * channels);
  }
  return { ...picture, width, height, data };
}

/** What of an item the network sees and is compared with: labels are at the original size, so their crop is the same part of it. */
function viewOf(
  item: EvalItem,
  { mode, cropSize }: Viewing,
): { image: Rgb; labels: LabelMap | undefined; size: readonly [number, number] } {
  if (mode !== 'center_crop') return { image: item.image, labels: item.labels, size: [item.originalHeight, item.originalWidth] };
  const { image, originalHeight, originalWidth } = item;
  const rows = centreOf(image.height, cropSize);
  const columns = centreOf(image.width, cropSize);
  const labelRows = scaled(rows, image.height, originalHeight);
  const labelColumns = scaled(columns, image.width, originalWidth);
  return {
    image: cut(image, rows, columns),
    labels: item.labels && cut(item.labels, labelRows, labelColumns),
    size: [labelRows.length, labelColumns.length],
  };
}

/** The class of every pixel of an image, by one network. */
export function predictImage(
  network: DeepLabV3Plus,
  image: Rgb,
  size: readonly [height: number, width: number],
  { mode, cropSize, tta, device }: Viewing,
): LabelMap {
  using _ = scope();
  const options = { mode: mode === 'sliding_window' ? mode : 'original', window: cropSize, tta, size } as const;
  return noGrad(() => toLabelMap(predictClasses((view) => network.forward(view, false), imageToTensor(image, device), options)));
}

/**
 * An image's hard pseudo-labels by test-time augmentation of the whole image (SPEC section 8b), at `size`; 255 where the
 * selection does not trust them.
 */
export function labelImage(
  network: DeepLabV3Plus,
  image: Rgb,
  size: readonly [height: number, width: number],
  select: Selection,
  device: Device,
): LabelMap {
  using _ = scope();
  return noGrad(() => {
    const options = { mode: 'original', window: 0, tta: true, size } as const;
    const sum_1KHW = classScores((view) => network.forward(view, false), imageToTensor(image, device), options);
    // Selection takes logits: of the mean probabilities, their logarithms.
    const keep_HW = select(ops.log(sum_1KHW)).select(0, 0);
    const labels_HW = sum_1KHW.argmax(1).select(0, 0);
    return toLabelMap(ops.where(keep_HW, labels_HW, ops.full(labels_HW.shape, IGNORE_LABEL, { dtype: 'int64', device })));
  });
}

/**
 * Scores of several networks in one pass over the images.
 * @param classes the names, by which IoU is reported.
 * @returns of each network its scores and what they were computed from, counts [true class, predicted class]; undefined when `signal` was aborted on the way.
 */
export async function evaluateNetworks(
  networks: readonly DeepLabV3Plus[],
  items: AsyncIterable<EvalItem>,
  classes: readonly string[],
  viewing: Viewing,
  options: {
    readonly onImage?: (done: number, seen: Seen) => void;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<{ scores: Required<Scores>[]; counts: Float64Array[]; images: number } | undefined> {
  const matrices = networks.map(() => new ConfusionMatrix(classes.length));
  let images = 0;
  for await (const item of items) {
    if (options.signal?.aborted) return undefined;
    const { image, labels, size } = viewOf(item, viewing);
    if (!labels) continue;
    const predictions = networks.map((network) => predictImage(network, image, size, viewing));
    for (const [n, { data }] of predictions.entries()) matrices[n]!.add(data, labels.data);
    images++;
    options.onImage?.(images, { image, labels, predictions });
  }
  return { scores: matrices.map((matrix) => scoresOf(matrix, classes)), counts: matrices.map(({ counts }) => counts), images };
}

function scoresOf(matrix: ConfusionMatrix, classes: readonly string[]): Required<Scores> {
  return {
    miou: matrix.miou(),
    miou_present: matrix.miouPresent(),
    iou: Object.fromEntries(matrix.iou().map((iou, c) => [classes[c]!, iou])),
  };
}

/**
 * The one door between data and torch: bytes of host batches to tensors on a device.
 * Legend: N images, H W pixels.
 */
import type { LabelledBatch, TrainBatch, UnlabelledBatch } from '../data/loader/index.ts';
import type { LabelMap, Rgb } from '../data/types.ts';
import { type Device, type DType, scope, scoped, sharing, type Tensor, tensor } from '../torch/index.ts';

/** Mean and standard deviation of ImageNet's RGB / 255 (SPEC section 3). */
const mean = [0.485, 0.456, 0.406];
const deviation = [0.229, 0.224, 0.225];

const perChannel = (values: readonly number[], like: Tensor): Tensor =>
  tensor(Float64Array.from(values), [1, 3, 1, 1]).to(like.dtype).to(like.device);

/**
 * RGB bytes [N, H, W, 3] -> float [N, 3, H, W], normalised as torchvision's ToTensor and Normalize do. The memory stays in the
 * bytes' order, which is what the engine calls channels-last.
 */
export function imagesToTensor(
  bytes: Uint8Array,
  shape: readonly [n: number, h: number, w: number],
  device: Device,
  dtype: DType = 'float32',
): Tensor {
  return scoped(() => {
    const raw_NHW3 = toTensor(bytes, [...shape, 3]).to(device);
    const image_N3HW = raw_NHW3.permute(0, 3, 1, 2).to(dtype).div(255);
    return image_N3HW.sub(perChannel(mean, image_N3HW)).div(perChannel(deviation, image_N3HW));
  });
}

/** Bytes as a tensor, without a copy where they lie in shared memory. */
function toTensor(bytes: Uint8Array, shape: readonly number[]): Tensor {
  return bytes.buffer instanceof SharedArrayBuffer ? sharing(bytes, shape) : tensor(bytes, shape);
}

/** Label bytes [N, H, W] -> int64 tensor. */
export function labelsToTensor(bytes: Uint8Array, shape: readonly [n: number, h: number, w: number], device: Device): Tensor {
  return scoped(() => toTensor(bytes, shape).to(device).to('int64'));
}

/** One image as a batch of one: [1, 3, H, W]. */
export function imageToTensor({ data, width, height }: Rgb, device: Device): Tensor {
  return imagesToTensor(data, [1, height, width], device);
}

/** A tensor of labels or of booleans [H, W] as bytes. */
export function toLabelMap(labels_HW: Tensor): LabelMap {
  const [height, width] = labels_HW.shape as [number, number];
  using _ = scope();
  return { width, height, data: labels_HW.to('uint8').toBytes() };
}

function labelledViews(batch: LabelledBatch, shape: readonly [number, number, number], device: Device) {
  return { images: imagesToTensor(batch.images, shape, device), labels: labelsToTensor(batch.labels, shape, device) };
}

function unlabelledViews(batch: UnlabelledBatch, shape: readonly [number, number, number], device: Device) {
  const image = (bytes: Uint8Array) => imagesToTensor(bytes, shape, device);
  return {
    weak: image(batch.weak),
    strong1: image(batch.strong1),
    strong2: image(batch.strong2),
    valid: scoped(() => toTensor(batch.ignore, shape).to(device).ne(255)),
    boxes1: batch.boxes1.slice(),
    boxes2: batch.boxes2.slice(),
  };
}

/**
 * All views of an iteration on a device. Nothing of the result lies in the batch's memory: it may be released at once.
 */
export function toViews(batch: TrainBatch, device: Device) {
  const shape = [batch.batchSize, batch.cropSize, batch.cropSize] as const;
  const { labelled, unlabelled, mix } = batch;
  return {
    labelled: labelledViews(labelled, shape, device),
    ...(unlabelled && { unlabelled: unlabelledViews(unlabelled, shape, device) }),
    ...(mix && { mix: unlabelledViews(mix, shape, device) }),
  };
}

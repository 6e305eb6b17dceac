/** Resizing with Pillow's pixels (SPEC section 3): bilinear for images, nearest for labels, whole or a region of the result. */
import type { LabelMap, Rgb } from '../types.ts';
import { bilinearTaps, resampleRgb } from './resample.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A part of an image, in pixels. */
export interface Region extends Size {
  readonly left: number;
  readonly top: number;
}

/** Where a region is written in a larger image: its corner there, that image's width, and whether it is mirrored. */
export interface Placement {
  readonly left: number;
  readonly width: number;
  readonly flip: boolean;
}

const whole = (size: Size): Region => ({ left: 0, top: 0, width: size.width, height: size.height });

/**
 * The image at `size` (bilinear, antialiased where it shrinks), or only `region` of that result: the same pixels as a crop
 * of the whole, for the cost of the region.
 */
export function resizeBilinear(image: Rgb, size: Size, region: Region = whole(size)): Rgb {
  const data = new Uint8Array(region.width * region.height * 3);
  resizeBilinearInto(image, size, region, data, { left: 0, width: region.width, flip: false });
  return { width: region.width, height: region.height, data };
}

/** Images this many times as high as wide are made lower before they change their width, as in Pillow. */
const VERY_HIGH = 100;

/** `resizeBilinear` into the first rows of an RGB image that exists: `placement` says at which columns. */
export function resizeBilinearInto(image: Rgb, size: Size, region: Region, out: Uint8Array, placement: Placement): void {
  if (region.width === 0 || region.height === 0) return;
  const { width, height } = image;
  const horizontal = bilinearTaps(width, size.width, region.left, region.width, placement.flip);
  const vertical = bilinearTaps(height, size.height, region.top, region.height);
  const target = { data: out, offset: placement.left * 3, stride: placement.width * 3 };
  if (height > width * VERY_HIGH && size.height < height) {
    const lower = new Uint8Array(width * region.height * 3);
    const same = (length: number) => bilinearTaps(length, length, 0, length);
    resampleRgb(image.data, width, same(width), vertical, { data: lower, offset: 0, stride: width * 3 });
    resampleRgb(lower, width, horizontal, same(region.height), target);
  } else resampleRgb(image.data, width, horizontal, vertical, target);
}

/** The label map at `size`, each label taken from one input pixel and never mixed; or only `region` of that result. */
export function resizeNearest(labels: LabelMap, size: Size, region: Region = whole(size)): LabelMap {
  const data = new Uint8Array(region.width * region.height);
  resizeNearestInto(labels, size, region, data, { left: 0, width: region.width, flip: false });
  return { width: region.width, height: region.height, data };
}

/** `resizeNearest` into the first rows of a label map that exists: `placement` says at which columns. */
export function resizeNearestInto(labels: LabelMap, size: Size, region: Region, out: Uint8Array, placement: Placement): void {
  const columns = nearestIndices(labels.width, size.width, region.left, region.width);
  const rows = nearestIndices(labels.height, size.height, region.top, region.height);
  if (placement.flip) columns.reverse();
  const source = labels.data;
  const width = columns.length;
  for (let y = 0; y < rows.length; y++) {
    const i = rows[y]! * labels.width;
    const o = y * placement.width + placement.left;
    if (y > 0 && rows[y] === rows[y - 1]) out.copyWithin(o, o - placement.width, o - placement.width + width);
    else for (let x = 0; x < width; x++) out[o + x] = source[i + columns[x]!]!;
  }
}

/**
 * The input pixel of each output pixel: trunc((i + 1/2) s). As in Pillow the position is a running sum of s, whose
 * rounding errors decide where it falls on a border, so the sum starts at the first pixel of the whole output.
 */
function nearestIndices(inputSize: number, outputSize: number, first: number, length: number): Int32Array {
  const scale = inputSize / outputSize;
  const indices = new Int32Array(length);
  let position = scale * 0.5;
  for (let i = 0; i < first + length; i++, position += scale) {
    if (i >= first) indices[i - first] = Math.min(Math.trunc(position), inputSize - 1);
  }
  return indices;
}

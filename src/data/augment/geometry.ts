/**
 * The weak geometry (SPEC section 3): random scale, padding on the right and below up to the crop size, random crop,
 * horizontal flip. Image, labels and padding mask are three functions of the same parameters, so they cannot part.
 */
import type { Random } from '../../base/random.ts';
import type { LabelMap, Rgb } from '../types.ts';
import { sizeForLongSide } from './long-side.ts';
import { type Placement, type Region, resizeBilinearInto, resizeNearestInto, type Size } from './resize.ts';

/** The long side becomes a uniform integer between these multiples of its base. */
const SMALLEST_SCALE = 0.5;
const LARGEST_SCALE = 2;
const FLIP_CHANCE = 0.5;
/** Value of the padding in the padding mask: ignored by every loss. */
const PADDING = 255;

export interface GeometryParameters {
  /** Size of the image after scaling, before padding. */
  readonly scaled: Size;
  /** Width and height of the result. */
  readonly cropSize: number;
  /** Corner of the crop in the scaled and padded image; 0 along a side that was padded. */
  readonly left: number;
  readonly top: number;
  readonly flip: boolean;
}

/**
 * Draws a geometry for a width x height image. `base` is the length that the random scale multiplies: the image's own
 * long side, or a fixed number of pixels (ST++, SPEC section 8b).
 */
export function drawGeometry(
  random: Random,
  width: number,
  height: number,
  cropSize: number,
  base = Math.max(width, height),
): GeometryParameters {
  const longSide = random.integer(Math.trunc(base * SMALLEST_SCALE), Math.trunc(base * LARGEST_SCALE));
  const scaled = sizeForLongSide(width, height, longSide);
  const left = random.integer(0, Math.max(scaled.width - cropSize, 0));
  const top = random.integer(0, Math.max(scaled.height - cropSize, 0));
  return { scaled, cropSize, left, top, flip: random.chance(FLIP_CHANCE) };
}

/** The part of the scaled image that the crop shows, and where it lies in the crop: from the top; left, or right if flipped. */
function visible(parameters: GeometryParameters): { region: Region; placement: Placement } {
  const { scaled, cropSize, left, top, flip } = parameters;
  const width = Math.min(cropSize, scaled.width - left);
  const height = Math.min(cropSize, scaled.height - top);
  return { region: { left, top, width, height }, placement: { left: flip ? cropSize - width : 0, width: cropSize, flip } };
}

/** Fills what the visible part leaves free of a crop with `channels` bytes a pixel. */
function fillPadding(out: Uint8Array, region: Region, placement: Placement, cropSize: number, channels: number, fill: number): void {
  const rowBytes = cropSize * channels;
  const from = placement.left === 0 ? region.width * channels : 0;
  const to = placement.left === 0 ? rowBytes : placement.left * channels;
  if (region.width < cropSize) for (let y = 0; y < region.height; y++) out.fill(fill, y * rowBytes + from, y * rowBytes + to);
  out.fill(fill, region.height * rowBytes, cropSize * rowBytes);
}

/** The crop of the image, bilinear, padding 0; in `out` where it is given (cropSize x cropSize x 3 bytes). */
export function applyGeometryImage(
  image: Rgb,
  parameters: GeometryParameters,
  out: Uint8Array = new Uint8Array(parameters.cropSize * parameters.cropSize * 3),
): Rgb {
  const { cropSize } = parameters;
  const { region, placement } = visible(parameters);
  resizeBilinearInto(image, parameters.scaled, region, out, placement);
  fillPadding(out, region, placement, cropSize, 3, 0);
  return { width: cropSize, height: cropSize, data: out };
}

/** The crop of the labels, nearest, padding `fill` (255 labelled, 254 unlabelled); in `out` where it is given. */
export function applyGeometryLabels(
  labels: LabelMap,
  parameters: GeometryParameters,
  fill: number,
  out: Uint8Array = new Uint8Array(parameters.cropSize * parameters.cropSize),
): LabelMap {
  const { cropSize } = parameters;
  const { region, placement } = visible(parameters);
  resizeNearestInto(labels, parameters.scaled, region, out, placement);
  fillPadding(out, region, placement, cropSize, 1, fill);
  return { width: cropSize, height: cropSize, data: out };
}

/** 255 where the crop shows padding, else 0: the ignore mask of an unlabelled crop, for which no mask file is needed. */
export function paddingMask(
  parameters: GeometryParameters,
  out: Uint8Array = new Uint8Array(parameters.cropSize * parameters.cropSize),
): LabelMap {
  const { cropSize } = parameters;
  const { region, placement } = visible(parameters);
  out.fill(0, 0, region.height * cropSize);
  fillPadding(out, region, placement, cropSize, 1, PADDING);
  return { width: cropSize, height: cropSize, data: out };
}

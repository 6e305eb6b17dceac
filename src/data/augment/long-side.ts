/** Scaling by the long side (SPEC section 3): the short side follows and rounds half up. */
import type { Rgb } from '../types.ts';
import { resizeBilinear, type Size } from './resize.ts';

/** The size of a width x height image scaled so that its long side is `longSide` pixels; no side is less than 1. */
export function sizeForLongSide(width: number, height: number, longSide: number): Size {
  const long = Math.max(1, longSide);
  const short = (side: number, other: number): number => Math.max(1, Math.trunc((side * long) / other + 0.5));
  return height > width ? { width: short(width, height), height: long } : { width: long, height: short(height, width) };
}

/** The image scaled (bilinear) so that its long side is `longSide` pixels; the image itself where it is so already. */
export function toLongSide(image: Rgb, longSide: number): Rgb {
  const size = sizeForLongSide(image.width, image.height, longSide);
  return size.width === image.width && size.height === image.height ? image : resizeBilinear(image, size);
}

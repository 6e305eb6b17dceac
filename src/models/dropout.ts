/**
 * Dropout (Srivastava et al., JMLR 2014): in training a value becomes 0 with probability `rate` and is else divided by
 * 1 - rate, so that its mean stays. Which values those are is not drawn here: masks come from the caller.
 */
import { scoped, type Tensor } from '../torch/index.ts';

/**
 * Draws what a part of the network keeps: uint8 of this shape on the network's device, 1 with probability 1 - rate, else 0.
 * The first dimension counts images.
 */
export type DrawMask = (part: string, rate: number, shape: readonly number[]) => Tensor;

/** Drops single values of [N, C, h, w], or whole channels. */
export function dropout(x_NChw: Tensor, rate: number, what: 'values' | 'channels', part: string, draw: DrawMask): Tensor {
  const [n, c, h, w] = x_NChw.shape as [number, number, number, number];
  // For its gradient the product holds the mask, a byte a value.
  return scoped(() => x_NChw.mul(draw(part, rate, what === 'values' ? [n, c, h, w] : [n, c, 1, 1])).mul_(1 / (1 - rate)));
}

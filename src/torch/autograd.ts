/** Gradient mode, autocast, and the operators that need a backward of their own. */
import { addon, guarded } from './binding.ts';
import type { Tensor } from './tensor.ts';
import type { Device, DType } from './types.ts';

/** A function that returns a promise would leave the mode at its first await: refused by type and at run time. */
export type Synchronous<T> = T extends PromiseLike<unknown> ? never : T;

function refusePromise(result: unknown, where: string): void {
  if (result instanceof Promise) throw new TypeError(`${where} takes a synchronous function: its mode would end at the first await`);
}

/** Runs `f` without recording operations for gradients. */
export function noGrad<T>(f: () => Synchronous<T>): T {
  const before = addon.gradEnabled();
  addon.setGradEnabled(false);
  try {
    const result = f();
    refusePromise(result, 'noGrad');
    return result;
  } finally {
    addon.setGradEnabled(before);
  }
}

/** True where operations are recorded for gradients. */
export function gradEnabled(): boolean {
  return addon.gradEnabled();
}

/** Runs `f` with convolutions and matrix products in `dtype` (bfloat16 or float16); the rest by the engine's lists. May nest, in one dtype. */
export function autocast<T>(device: Device, dtype: DType, f: () => Synchronous<T>): T {
  const kind = device === 'cpu' ? 'cpu' : 'cuda';
  guarded(() => addon.enterAutocast(kind, dtype));
  try {
    const result = f();
    refusePromise(result, 'autocast');
    return result;
  } finally {
    addon.exitAutocast(kind);
  }
}

/**
 * 3x3 convolution of stride 1 with padding = dilation, without bias: [N, C, H, W] x [O, C, 3, 3] -> [N, O, H, W].
 * Equal to conv2d; its weight gradient is a sum over taps where that is faster.
 */
export function dilatedConv3x3(input: Tensor, weight: Tensor, dilation: number): Tensor {
  return guarded(() => addon.dilatedConv3x3(input, weight, dilation)) as Tensor;
}

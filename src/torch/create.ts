/** Tensors from JavaScript's memory. */
import { addon, guarded } from './binding.ts';
import type { Tensor } from './tensor.ts';
import type { DType, TypedArray } from './types.ts';
import './tensor.ts';

/**
 * A tensor with a copy of the array's values, row by row.
 * @throws TorchError when the shape does not hold as many elements.
 */
export function tensor(values: TypedArray | readonly number[], shape: readonly number[] = [values.length]): Tensor {
  const array = Array.isArray(values) ? Float32Array.from(values as readonly number[]) : values;
  return guarded(() => addon.fromTyped(array, shape, false)) as Tensor;
}

/**
 * A tensor that uses the array's own memory: what one writes, the other reads. Only for arrays over a SharedArrayBuffer,
 * since other buffers can be transferred away under the tensor.
 */
export function sharing(values: TypedArray, shape: readonly number[]): Tensor {
  return guarded(() => addon.fromTyped(values, shape, true)) as Tensor;
}

/** A tensor from little-endian bytes, row by row, of any dtype. */
export function fromBytes(bytes: Uint8Array, dtype: DType, shape: readonly number[]): Tensor {
  return guarded(() => addon.fromBytes(bytes, dtype, shape)) as Tensor;
}

/**
 * PyTorch's tensors as pickles describe them: a storage of elements of one type, and views of it with an offset, a shape and
 * strides, which may share it, be transposed, or be empty.
 */
import { shown } from '../base/shown.ts';
import { fail, PickleObject } from './pth-pickle.ts';
import { bytesPerElement, type NamedArray, type NamedArrayType } from './safetensors.ts';

/** PyTorch's own bound on dimensions. */
export const MAX_RANK = 64;

/** A run of elements in the file. Its bytes may come after the pickle that speaks of it. */
export class Storage extends PickleObject {
  bytes: Uint8Array | undefined;

  constructor(
    readonly key: string,
    readonly dtype: NamedArrayType,
    /** Elements. */
    readonly count: number,
  ) {
    super();
  }

  get byteLength(): number {
    return this.count * bytesPerElement(this.dtype);
  }
}

/** A part of a storage; old files name such parts as storages of their own. Units are elements. */
export class StorageSlice extends PickleObject {
  constructor(
    readonly storage: Storage,
    readonly start: number,
    readonly count: number,
  ) {
    super();
    if (start + count > storage.count)
      fail(`a view of elements ${start} to ${start + count} of storage ${shown(storage.key)}, which has ${storage.count}`);
  }
}

/** A tensor, not yet copied out of its storage. Every element lies within the storage. */
export class TensorView extends PickleObject {
  readonly dtype: NamedArrayType;
  /** Elements. */
  readonly count: number;

  constructor(
    readonly slice: StorageSlice,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
    if (shape.length > MAX_RANK || shape.length !== strides.length)
      fail(`a tensor with ${shape.length} sides and ${strides.length} strides; allowed: as many, at most ${MAX_RANK}`);
    this.dtype = slice.storage.dtype;
    const sides = shape.reduce((product, side) => product * Math.max(1, side), 1);
    if (!Number.isSafeInteger(sides)) fail(`a tensor [${shape.join(', ')}] has more elements than can be counted`);
    this.count = shape.includes(0) ? 0 : sides;
    const last = shape.reduce((place, side, k) => place + (side - 1) * strides[k]!, offset);
    if (this.count > 0 && last >= slice.count)
      fail(`a tensor [${shape.join(', ')}] needs element ${last} of storage ${shown(slice.storage.key)}, which has ${slice.count}`);
  }

  get byteLength(): number {
    return this.count * bytesPerElement(this.dtype);
  }
}

/** Whether the elements lie one after another, row by row; the stride of a side of 1 says nothing. */
function isContiguous({ shape, strides }: TensorView): boolean {
  let expected = 1;
  for (let k = shape.length - 1; k >= 0; k--) {
    if (shape[k] !== 1 && strides[k] !== expected) return false;
    expected *= shape[k]!;
  }
  return true;
}

/** Copies elements of `size` bytes, row by row, out of a storage. */
function gather(bytes: Uint8Array, start: number, size: number, tensor: TensorView): Uint8Array {
  const target = new Uint8Array(tensor.count * size);
  // Sides of 1 are left out: with the others, at least 2 long, an element takes two steps in the mean.
  const sides = tensor.shape.flatMap((side, k) => (side === 1 ? [] : [k]));
  const shape = sides.map((k) => tensor.shape[k]!);
  const strides = sides.map((k) => tensor.strides[k]!);
  const index = new Array<number>(shape.length).fill(0);
  let from = start;
  for (let to = 0; to < target.length; to += size) {
    for (let b = 0; b < size; b++) target[to + b] = bytes[from * size + b]!;
    for (let k = shape.length - 1; k >= 0; k--) {
      from += strides[k]!;
      if (++index[k]! < shape[k]!) break;
      from -= shape[k]! * strides[k]!;
      index[k] = 0;
    }
  }
  return target;
}

/** The tensor's elements, row by row: the storage's own memory where they lie so already. */
export function arrayOf(tensor: TensorView): NamedArray {
  const { slice, dtype, shape, count } = tensor;
  const { bytes, key } = slice.storage;
  if (bytes === undefined) return fail(`storage ${shown(key)} is not in the file`);
  const size = bytesPerElement(dtype);
  const start = slice.start + tensor.offset;
  if (count === 0) return { dtype, shape, data: new Uint8Array() };
  const data = isContiguous(tensor) ? bytes.subarray(start * size, (start + count) * size) : gather(bytes, start, size, tensor);
  return { dtype, shape, data };
}

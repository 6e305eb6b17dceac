/**
 * The tensor of the engine, with methods for what reads better after a dot; all operators are functions of `ops`.
 * Methods that end in `_` change the tensor itself and return it.
 */
import { addon, guarded } from './binding.ts';
import * as ops from './generated/operators.ts';
import { register } from './scope.ts';
import type { Device, DType, MemoryFormat, TypedArray } from './types.ts';

export class Tensor extends addon.TensorHandle {
  /** @internal Tensors come from operators, `tensor` and `fromBytes`, never from `new`. */
  constructor() {
    super();
    register(this);
  }

  // ---------- properties
  get shape(): number[] {
    return guarded(() => this.sizes());
  }
  get dtype(): DType {
    return guarded(() => this.dtypeName()) as DType;
  }
  get device(): Device {
    return guarded(() => this.deviceName()) as Device;
  }
  /** Size of one dimension; negative ones count from the end. */
  size(dim: number): number {
    const shape = this.shape;
    return shape[dim < 0 ? dim + shape.length : dim]!;
  }
  /** Number of elements. */
  get count(): number {
    return this.shape.reduce((product, n) => product * n, 1);
  }
  get requiresGrad(): boolean {
    return guarded(() => this.getRequiresGrad());
  }
  set requiresGrad(on: boolean) {
    guarded(() => this.setRequiresGrad(on));
  }
  /** The gradient that `backward` left, as a new handle; null where there is none. */
  get grad(): Tensor | null {
    return guarded(() => this.getGrad()) as Tensor | null;
  }
  set grad(gradient: Tensor | null) {
    guarded(() => this.setGrad(gradient));
  }

  // ---------- values
  /** The value of a tensor of one element. */
  item(): number {
    return guarded(() => addon.item(this));
  }
  /** A copy of the values, row by row; half precision as Float32Array, bool as Uint8Array. */
  toTyped(): TypedArray {
    return guarded(() => addon.toTyped(this)) as TypedArray;
  }
  /** A copy of the memory, row by row, little-endian, in the tensor's own dtype. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return guarded(() => addon.toBytes(this));
  }

  // ---------- autograd
  /**
   * Adds to `.grad` of every leaf that this tensor was computed from.
   * @param gradient of this tensor; may be left out where it has one element.
   */
  backward(gradient?: Tensor): void {
    guarded(() => addon.backward(this, gradient));
  }
  detach(): Tensor {
    return ops.detach(this);
  }

  // ---------- dtype, device, memory
  /** The same values in another dtype or on another device; itself (as a new handle) where nothing changes. */
  to(target: DType | Device): Tensor {
    if (target === 'cpu' || target.startsWith('cuda')) return ops.toDevice(this, target as Device, this.dtype);
    return ops.to(this, target as DType);
  }
  contiguous(format: MemoryFormat = 'contiguous'): Tensor {
    return ops.contiguous(this, { memoryFormat: format });
  }
  clone(): Tensor {
    return ops.clone(this);
  }

  // ---------- arithmetic
  add(other: Tensor | number): Tensor {
    return typeof other === 'number' ? ops.addScalar(this, other) : ops.add(this, other);
  }
  sub(other: Tensor | number): Tensor {
    return typeof other === 'number' ? ops.subScalar(this, other) : ops.sub(this, other);
  }
  mul(other: Tensor | number): Tensor {
    return typeof other === 'number' ? ops.mulScalar(this, other) : ops.mul(this, other);
  }
  div(other: Tensor | number): Tensor {
    return typeof other === 'number' ? ops.divScalar(this, other) : ops.div(this, other);
  }
  add_(other: Tensor | number): this {
    return this.#inPlace(typeof other === 'number' ? ops.addScalarInPlace(this, other) : ops.addInPlace(this, other));
  }
  sub_(other: Tensor): this {
    return this.#inPlace(ops.subInPlace(this, other));
  }
  mul_(other: Tensor | number): this {
    return this.#inPlace(typeof other === 'number' ? ops.mulScalarInPlace(this, other) : ops.mulInPlace(this, other));
  }
  copy_(source: Tensor): this {
    return this.#inPlace(ops.copyInPlace(this, source));
  }
  fill_(value: number): this {
    return this.#inPlace(ops.fillInPlace(this, value));
  }
  zero_(): this {
    return this.#inPlace(ops.zeroInPlace(this));
  }

  // ---------- comparisons: bool tensors
  eq(other: Tensor | number): Tensor {
    return typeof other === 'number' ? ops.eqScalar(this, other) : ops.eq(this, other);
  }
  ne(other: number): Tensor {
    return ops.neScalar(this, other);
  }
  gt(other: Tensor | number): Tensor {
    return typeof other === 'number' ? ops.gtScalar(this, other) : ops.gt(this, other);
  }
  ge(other: number): Tensor {
    return ops.geScalar(this, other);
  }
  and(other: Tensor): Tensor {
    return ops.bitwiseAnd(this, other);
  }
  or(other: Tensor): Tensor {
    return ops.bitwiseOr(this, other);
  }
  not(): Tensor {
    return ops.bitwiseNot(this);
  }

  // ---------- reductions
  /** Over all elements, or over the named dimensions. */
  sum(dims?: number | readonly number[], keepdim?: boolean): Tensor {
    return dims === undefined ? ops.sum(this) : ops.sumAlong(this, dims, keepdim);
  }
  mean(dims?: number | readonly number[], keepdim?: boolean): Tensor {
    return dims === undefined ? ops.mean(this) : ops.meanAlong(this, dims, keepdim);
  }
  argmax(dim: number): Tensor {
    return ops.argmax(this, dim);
  }
  softmax(dim: number): Tensor {
    return ops.softmax(this, dim);
  }

  // ---------- shape
  reshape(...shape: readonly number[]): Tensor {
    return ops.reshape(this, shape);
  }
  permute(...dims: readonly number[]): Tensor {
    return ops.permute(this, dims);
  }
  unsqueeze(dim: number): Tensor {
    return ops.unsqueeze(this, dim);
  }
  /** Elements start to start + length - 1 of a dimension, a view. */
  narrow(dim: number, start: number, length: number): Tensor {
    return ops.narrow(this, dim, start, length);
  }
  select(dim: number, index: number): Tensor {
    return ops.select(this, dim, index);
  }
  flatten(start?: number, end?: number): Tensor {
    return ops.flatten(this, start, end);
  }
  expand(...shape: readonly number[]): Tensor {
    return ops.expand(this, shape);
  }
  flip(...dims: readonly number[]): Tensor {
    return ops.flip(this, dims);
  }

  /** The engine returns a second handle on the tensor that it changed; one is enough. */
  #inPlace(second: Tensor): this {
    second.free();
    return this;
  }
}

addon.setTensorClass(Tensor);

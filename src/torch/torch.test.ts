import { describe, expect, it } from 'vitest';
import { TorchError } from '../base/errors.ts';
import {
  autocast,
  type DType,
  dilatedConv3x3,
  fromBytes,
  liveTensors,
  noGrad,
  ops,
  scope,
  scoped,
  setThreads,
  sharing,
  type Tensor,
  tensor,
} from './index.ts';

const float = (values: number[], shape?: number[]) => tensor(Float32Array.from(values), shape);
const list = (t: Tensor) => Array.from(t.toTyped() as Float32Array);
const ramp = (shape: number[], dtype: DType = 'float64') => {
  const n = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float64Array.from({ length: n }, (_, i) => Math.sin(i * 0.7) + Math.cos(i * 0.13)),
    shape,
  ).to(dtype);
};
const largest = (a: Tensor, b: Tensor) => ops.max(ops.absolute(a.sub(b))).item();

describe('operators', () => {
  it('computes with tensors, numbers, defaults, lists and several results', () => {
    const a = float([1, 2, 3, 4], [2, 2]);
    const b = float([10, 20, 30, 40], [2, 2]);
    expect(list(a.add(b))).toEqual([11, 22, 33, 44]);
    expect(list(ops.add(a, b, { alpha: 2 }))).toEqual([21, 42, 63, 84]);
    expect(list(a.mul(0.5))).toEqual([0.5, 1, 1.5, 2]);
    const [values, indices] = ops.maxAlong(a, 1);
    expect(list(values)).toEqual([2, 4]);
    expect(indices.toTyped()).toEqual(BigInt64Array.from([1n, 1n]));
    expect(ops.chunk(a, 2).map(list)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(ops.cat([a, b], 1).shape).toEqual([2, 4]);
    expect(ops.equal(a, a)).toBe(true);
    expect(
      ops
        .conv2d(float(new Array(25).fill(1), [1, 1, 5, 5]), float(new Array(9).fill(1), [1, 1, 3, 3]), null, 1, 1)
        .select(2, 2)
        .toTyped()[2],
    ).toBe(9);
    expect(ops.full([1], 9007199254740993n, { dtype: 'int64' }).toTyped()).toEqual(BigInt64Array.from([9007199254740993n]));
  });

  it.each(['float32', 'float64', 'float16', 'bfloat16', 'int64', 'uint8', 'bool'] as const)('holds %s', (dtype) => {
    const t = float([0, 1, 1, 0], [2, 2]).to(dtype);
    expect(t.dtype).toBe(dtype);
    expect(Array.from(t.toTyped() as Float32Array, Number)).toEqual([0, 1, 1, 0]);
    const back = fromBytes(t.toBytes(), dtype, [2, 2]);
    expect(ops.equal(back, t)).toBe(true);
  });

  it('names the operator, the dtypes and the shapes in an error', () => {
    const a = float([1, 2, 3, 4], [2, 2]);
    expect(() => ops.matmul(a, float([1, 2, 3], [3, 1]))).toThrow(TorchError);
    expect(() => ops.matmul(a, float([1, 2, 3], [3, 1]))).toThrow(/aten::matmul: .*float32\[2, 2\].*float32\[3, 1\]/s);
    expect(() => ops.cat([a, float([1], [1])])).toThrow(/aten::cat: .*\[float32\[2, 2\], float32\[1\]\]/s);
    expect(() => ops.addScalar(a, 'x' as unknown as number)).toThrow(/aten::add\.Scalar: argument 'other': expected a number/);
    expect(() => ops.add(a, undefined as unknown as Tensor)).toThrow(/aten::add\.Tensor: missing argument 'other'/);
    expect(() => ops.add(a, {} as Tensor)).toThrow(/argument 'other': expected a Tensor/);
    expect(() => tensor(Float32Array.of(1, 2), [3])).toThrow(/shape \[3\] does not hold the array's 2 elements/);
  });
});

describe('memory', () => {
  it('shares a SharedArrayBuffer both ways and refuses other buffers', () => {
    const array = new Float32Array(new SharedArrayBuffer(12));
    const t = sharing(array, [3]);
    array[1] = 80;
    t.mul_(2);
    expect([...array]).toEqual([0, 160, 0]);
    expect(() => sharing(new Float32Array(3), [3])).toThrow(/SharedArrayBuffer/);
  });

  it('frees what a scope made, except what is kept; scopes nest', () => {
    const before = liveTensors();
    let kept: Tensor;
    {
      using outer = scope();
      const a = float([1, 2]);
      {
        using inner = scope();
        const b = a.add(1);
        b.add(1);
        kept = inner.keep(b.mul(3));
      }
      expect(liveTensors()).toBe(before + 2);
      outer.keep(kept);
    }
    expect(liveTensors()).toBe(before + 1);
    expect(list(kept)).toEqual([6, 9]);
    kept.free();
    expect(liveTensors()).toBe(before);
    scoped(() => float([1]).add(float([2]))).free();
    expect(liveTensors()).toBe(before);
  });

  it('throws on use after free, naming the operator that made the tensor', () => {
    const a = float([1, 2]).add(1);
    a.free();
    expect(() => a.shape).toThrow(/use after free of a tensor made by aten::add\.Scalar/);
    expect(() => ops.relu(a)).toThrow(/aten::relu: argument 'self': use after free of a tensor made by aten::add\.Scalar/);
    a.free();
  });

  it('refuses to end a scope while one inside is open', () => {
    const outer = scope();
    const inner = scope();
    expect(() => outer[Symbol.dispose]()).toThrow(/reverse order/);
    inner[Symbol.dispose]();
    outer[Symbol.dispose]();
  });
});

describe('autograd', () => {
  it('differentiates, adds up, and stops at detach and noGrad', () => {
    const w = float([1, 2, 3]);
    w.requiresGrad = true;
    w.mul(w).sum().backward();
    expect(list(w.grad!)).toEqual([2, 4, 6]);
    w.mul(2).sum().backward();
    expect(list(w.grad!)).toEqual([4, 6, 8]);
    w.grad = null;
    expect(w.grad).toBeNull();
    w.mul(w.detach()).sum().backward();
    expect(list(w.grad!)).toEqual([1, 2, 3]);
    expect(noGrad(() => w.mul(2)).requiresGrad).toBe(false);
    expect(w.mul(2).requiresGrad).toBe(true);
  });

  it('restores the mode when a callback throws, and refuses asynchronous ones', () => {
    const w = float([1]);
    w.requiresGrad = true;
    expect(() =>
      noGrad(() => {
        throw new Error('thrown through');
      }),
    ).toThrow('thrown through');
    expect(w.mul(2).requiresGrad).toBe(true);
    const asynchronous = (async () => 1) as unknown as () => number;
    expect(() => noGrad(asynchronous)).toThrow(/synchronous/);
    expect(() => autocast('cpu', 'bfloat16', asynchronous)).toThrow(/synchronous/);
    expect(ops.matmul(ramp([2, 2], 'float32'), ramp([2, 2], 'float32')).dtype).toBe('float32');
  });

  it.each([
    [9, 7, 2],
    [9, 9, 6],
    [5, 8, 6],
    [8, 5, 4],
    [21, 21, 12],
    [3, 3, 18],
  ])('dilatedConv3x3 equals conv2d and its gradients at %i x %i, dilation %i', (height, width, dilation) => {
    const input = ramp([2, 5, height, width]);
    const weight = ramp([4, 5, 3, 3]);
    const weighting = ramp([2, 4, height, width]);
    const gradients = (f: (x: Tensor, w: Tensor) => Tensor) => {
      const x = input.detach().clone();
      const w = weight.detach().clone();
      x.requiresGrad = true;
      w.requiresGrad = true;
      const y = f(x, w);
      y.mul(weighting).sum().backward();
      return [y, x.grad!, w.grad!] as const;
    };
    const ours = gradients((x, w) => dilatedConv3x3(x, w, dilation));
    const theirs = gradients((x, w) => ops.conv2d(x, w, null, 1, dilation, dilation));
    // Relative to the largest value: the sums have up to 2 x 21 x 21 terms, and BLAS libraries add them in different orders.
    for (const k of [0, 1, 2] as const) expect(largest(ours[k], theirs[k])).toBeLessThan(1e-13 * ops.max(ops.absolute(theirs[k])).item());
  });

  it('autocasts convolutions, the dilated one too, and gives float32 gradients', () => {
    const x = ramp([1, 3, 6, 6], 'float32');
    const w = ramp([2, 3, 3, 3], 'float32');
    w.requiresGrad = true;
    const plain = dilatedConv3x3(x, w, 2);
    const y = autocast('cpu', 'bfloat16', () => dilatedConv3x3(x, w, 2));
    expect(y.dtype).toBe('bfloat16');
    expect(autocast('cpu', 'bfloat16', () => ops.conv2d(x, w)).dtype).toBe('bfloat16');
    expect(largest(y.to('float32'), plain)).toBeLessThan(0.15);
    const nested = autocast('cpu', 'bfloat16', () => [autocast('cpu', 'bfloat16', () => ops.conv2d(x, w)), ops.conv2d(x, w)]);
    expect(nested.map(({ dtype }) => dtype)).toEqual(['bfloat16', 'bfloat16']);
    expect(ops.conv2d(x, w).dtype).toBe('float32');
    y.sum().backward();
    expect(w.grad!.dtype).toBe('float32');
    expect(dilatedConv3x3(x, w, 2).dtype).toBe('float32');
  });
});

describe('threads', () => {
  it('gives the same numbers with one and two threads', () => {
    setThreads(1);
    const one = ops.conv2d(ramp([2, 8, 33, 33]), ramp([8, 8, 3, 3]));
    setThreads(2);
    const two = ops.conv2d(ramp([2, 8, 33, 33]), ramp([8, 8, 3, 3]));
    expect(largest(one, two)).toBeLessThan(1e-12);
  });
});

/**
 * Recipe numbers (SPEC section 10): the inputs and weights of golden cases, regenerated instead of stored.
 * Value i of NAME = murmur3's finaliser of (crc32(NAME) + i * 2654435761 mod 2^32) / 2^32.
 */
import { crc32 } from 'node:zlib';
import type { Module } from '../../src/nn/index.ts';
import { noGrad, ops, scope, type Tensor, tensor } from '../../src/torch/index.ts';

export function recipe(name: string, n: number): Float64Array {
  const base = crc32(name);
  const values = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let x = (base + Math.imul(i, 2654435761)) | 0;
    x ^= x >>> 16;
    x = Math.imul(x, 0x85ebca6b);
    x ^= x >>> 13;
    x = Math.imul(x, 0xc2b2ae35);
    x ^= x >>> 16;
    values[i] = (x >>> 0) / 2 ** 32;
  }
  return values;
}

/** float64 tensor in [low, high). */
export function recipeTensor(name: string, shape: readonly number[], low = -1, high = 1): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return tensor(
    recipe(name, n).map((u) => low + (high - low) * u),
    shape,
  );
}

/** int64 labels in 0..classes-1, with 255 at a share of `ignored` pixels. */
export function recipeLabels(name: string, shape: readonly number[], classes: number, ignored = 0.1): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const ignore = recipe(`${name}/ignore`, n);
  const labels = recipe(name, n).map((u, i) => (ignore[i]! < ignored ? 255 : Math.floor(u * classes)));
  return tensor(labels, shape).to('int64');
}

/** Fills every parameter and buffer of a network by prefix + its name, as the oracle's `recipe_fill`. */
export function recipeFill<M extends Module>(network: M, prefix: string): M {
  using _ = scope();
  noGrad(() => {
    for (const [name, entry] of network.stateDict()) {
      if (name.endsWith('num_batches_tracked')) {
        entry.zero_();
        continue;
      }
      const shape = entry.shape;
      const bound = shape.length === 4 ? Math.sqrt(3 / (shape[1]! * shape[2]! * shape[3]!)) : 0;
      const [low, high] =
        shape.length === 4
          ? [-bound, bound]
          : name.endsWith('running_var')
            ? [0.5, 1.5]
            : name.endsWith('weight')
              ? [0.25, 0.75]
              : [-0.1, 0.1];
      ops.copyInPlace(entry, recipeTensor(prefix + name, shape, low, high));
    }
  });
  return network;
}

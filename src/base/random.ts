/**
 * Randomness is a value: `random(seed, epoch, position, 'crop')` is the same stream on every machine, in every worker and
 * after every resume. A stream is named by its keys, never by how many numbers others drew before.
 */
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

export type RandomKey = string | number;

/** A stream of random numbers. */
export interface Random {
  /** Uniform double in [low, high), 53 bits; [0, 1) by default. */
  uniform(low?: number, high?: number): number;
  /** Uniform integer in low..high, both included. */
  integer(low: number, high: number): number;
  /** True with probability p. */
  chance(p: number): boolean;
  /** Standard normal double (Box-Muller). */
  normal(): number;
  /** 0..n-1 in random order (Fisher-Yates). */
  permutation(n: number): Int32Array<ArrayBuffer>;
  /** One element of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
}

/** 128 bits from a text: four lanes of a multiply-and-xor hash, each finished as in murmur3. */
function hash128(text: string): [number, number, number, number] {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = 0xb7e15162;
  let d = 0x7f4a7c15;
  for (let i = 0; i < text.length; i++) {
    const k = text.charCodeAt(i);
    a = b ^ Math.imul(a ^ k, 0x85ebca6b);
    b = c ^ Math.imul(b ^ k, 0xc2b2ae35);
    c = d ^ Math.imul(c ^ k, 0x27d4eb2f);
    d = a ^ Math.imul(d ^ k, 0x165667b1);
  }
  const finish = (x: number): number => {
    let h = x ^ text.length;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return h ^ (h >>> 16);
  };
  return [finish(a + b), finish(b + c), finish(c + d), finish(d + a) | 1];
}

/** The stream named by these keys. */
export function random(...keys: readonly RandomKey[]): Random {
  const generator = xoroshiro128plusFromState(hash128(keys.map((key) => (typeof key === 'number' ? `#${key}` : key)).join('\u0000')));
  const uint32 = (): number => generator.next() >>> 0;
  const unit = (): number => (uint32() * 0x200000 + (uint32() >>> 11)) / 2 ** 53;
  const integer = (low: number, high: number): number => low + Math.floor(unit() * (high - low + 1));
  return {
    uniform: (low = 0, high = 1) => low + (high - low) * unit(),
    integer,
    chance: (p) => unit() < p,
    normal: () => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit()),
    permutation(n) {
      const order = Int32Array.from({ length: n }, (_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        const j = integer(0, i);
        const held = order[i]!;
        order[i] = order[j]!;
        order[j] = held;
      }
      return order;
    },
    pick: (list) => list[integer(0, list.length - 1)]!,
  };
}

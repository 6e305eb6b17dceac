import { describe, expect, it } from 'vitest';
import { allocateCache, defaultCacheBytes, SharedCache } from './shared-cache.ts';

const source = (k: number, side: number, labelled = true) => ({
  image: { width: side, height: side + 1, data: new Uint8Array(side * (side + 1) * 3).fill(k) },
  ...(labelled && { labels: { width: side, height: side + 1, data: new Uint8Array(side * (side + 1)).fill(100 + k) } }),
});

describe('SharedCache', () => {
  it('gives every door to the same memory what another has put there', () => {
    const memory = allocateCache(3, 65_536);
    const cache = new SharedCache(memory);
    cache.put(2, source(2, 5));
    cache.put(0, source(9, 4, false));
    const other = new SharedCache(memory);
    expect(other.get(2, true)).toEqual(source(2, 5));
    expect(other.get(0, false)).toEqual(source(9, 4, false));
    expect(other.get(1, true)).toBeUndefined();
  });

  it('keeps what came first, passes over what does not fit, and takes what still does', () => {
    const cache = new SharedCache(allocateCache(4, 100_000));
    cache.put(0, source(1, 100));
    cache.put(1, source(2, 110));
    cache.put(2, source(3, 50));
    cache.put(0, source(4, 100));
    expect(cache.get(0, true)).toEqual(source(1, 100));
    expect(cache.get(1, true)).toBeUndefined();
    expect(cache.get(2, true)).toEqual(source(3, 50));
  });

  it('works without any memory, and takes a part of what is free', () => {
    const cache = new SharedCache(allocateCache(1, 0));
    cache.put(0, source(1, 3));
    expect(cache.get(0, true)).toBeUndefined();
    expect(defaultCacheBytes(1)).toBeGreaterThan(0);
    expect(defaultCacheBytes(4)).toBeLessThan(defaultCacheBytes(1));
  });
});

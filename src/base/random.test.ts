import { describe, expect, it } from 'vitest';
import { random } from './random.ts';

describe('random', () => {
  it('is a function of its keys alone', () => {
    const draw = (...keys: (string | number)[]) => Array.from({ length: 5 }, () => random(...keys).uniform());
    expect(draw(1, 2, 'crop')).toEqual(draw(1, 2, 'crop'));
    const a = random(1, 2, 'crop');
    const b = random(1, 2, 'crop');
    expect(Array.from({ length: 9 }, () => a.uniform())).toEqual(Array.from({ length: 9 }, () => b.uniform()));
  });

  it('tells neighbouring keys apart: 20,000 streams, 20,000 first numbers', () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 10; seed++)
      for (let position = 0; position < 1000; position++)
        for (const purpose of ['weak', 'strong']) seen.add(random(seed, 0, position, purpose).uniform());
    expect(seen.size).toBe(20_000);
  });

  it('keeps numbers and texts, and where one key ends, apart', () => {
    expect(random('1').uniform()).not.toBe(random(1).uniform());
    expect(random('ab', 'c').uniform()).not.toBe(random('a', 'bc').uniform());
  });

  it('is uniform over streams and within one: mean 1/2, variance 1/12, every decile a tenth', () => {
    for (const next of [
      (() => {
        const r = random(7, 'within');
        return () => r.uniform();
      })(),
      (() => {
        let i = 0;
        return () => random(7, i++, 'across').uniform();
      })(),
    ]) {
      const n = 40_000;
      const deciles = new Array<number>(10).fill(0);
      let sum = 0;
      let squares = 0;
      for (let i = 0; i < n; i++) {
        const u = next();
        deciles[Math.floor(u * 10)]!++;
        sum += u;
        squares += u * u;
      }
      expect(Math.abs(sum / n - 0.5)).toBeLessThan(0.006);
      expect(Math.abs(squares / n - (sum / n) ** 2 - 1 / 12)).toBeLessThan(0.003);
      for (const count of deciles) expect(Math.abs(count / n - 0.1)).toBeLessThan(0.008);
    }
  });

  it('draws integers with both ends, normals of variance 1, permutations of everything', () => {
    const r = random(3);
    const counts = new Map<number, number>();
    for (let i = 0; i < 3000; i++) {
      const k = r.integer(-1, 1);
      counts.set(k, (counts.get(k) ?? 0) + 1);
    }
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-1, 0, 1]);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(130);
    let squares = 0;
    for (let i = 0; i < 20_000; i++) squares += r.normal() ** 2;
    expect(Math.abs(squares / 20_000 - 1)).toBeLessThan(0.05);
    expect([...r.permutation(50)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect([...random(3).permutation(50)]).not.toEqual([...random(4).permutation(50)]);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { readList } from '../data/lists.ts';
import { drawValidation, listText, validationCount } from './init-lists.ts';

const folder = mkdtempSync(join(tmpdir(), 'init-lists-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Classes of 2 to 9 images. */
const images = (most: number) =>
  fc
    .integer({ min: 2, max: 5 })
    .chain((classes) =>
      fc
        .array(fc.uniqueArray(fc.integer({ min: 0, max: classes - 1 }), { minLength: 1 }), { minLength: 2, maxLength: most })
        .map((present) => ({ present, classes })),
    );

/** Sides that hold a class, a class of one image on the labelled side alone. */
function score(present: readonly (readonly number[])[], classes: number, isVal: readonly boolean[]): number {
  let sum = 0;
  for (let label = 0; label < classes; label++) {
    const sides = present.flatMap((labels, i) => (labels.includes(label) ? [isVal[i]!] : []));
    sum += (sides.includes(true) && sides.length > 1 ? 1 : 0) + (sides.includes(false) ? 1 : 0);
  }
  return sum;
}

const countOf = (isVal: readonly boolean[]): number => isVal.filter(Boolean).length;

describe('drawValidation', () => {
  it('takes as many as were asked for, and as good ones as there are', () => {
    const drawn = fc.tuple(images(9), fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 99 }));
    fc.assert(
      fc.property(drawn, ([{ present, classes }, asked, seed]) => {
        const { isVal, oneSided } = drawValidation(present, classes, seed, asked);
        const count = Math.min(asked, present.length - 1);
        expect(countOf(isVal)).toBe(count);
        const divisions = Array.from({ length: 2 ** present.length }, (_, bits) => present.map((_, i) => ((bits >> i) & 1) === 1));
        const best = Math.max(...divisions.filter((one) => countOf(one) === count).map((one) => score(present, classes, one)));
        expect(score(present, classes, isVal)).toBe(best);
        for (let label = 0; label < classes; label++) {
          const sides = new Set(present.flatMap((labels, i) => (labels.includes(label) ? [isVal[i]!] : [])));
          expect(oneSided.find((one) => one.label === label)).toEqual(sides.size === 1 ? { label, inVal: sides.has(true) } : undefined);
        }
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  it('by default takes a fifth, and up to half where classes would be missing', () => {
    const same = Array.from({ length: 20 }, () => [0, 1]);
    expect(countOf(drawValidation(same, 2, 0).isVal)).toBe(4);
    // Two images a class, one class an image: half of them are needed.
    const spread = Array.from({ length: 20 }, (_, i) => [i >> 1]);
    const { isVal, oneSided } = drawValidation(spread, 10, 0);
    expect([countOf(isVal), oneSided]).toEqual([10, []]);
    expect(countOf(drawValidation(spread, 10, 0, 3).isVal)).toBe(3);
  });

  it('is the same for the same seed, and another for most others', () => {
    const present = Array.from({ length: 40 }, (_, i) => [i % 3, 3]);
    const drawn = (seed: number): string => JSON.stringify(drawValidation(present, 4, seed).isVal);
    expect(drawn(1)).toBe(drawn(1));
    expect(new Set(Array.from({ length: 10 }, (_, seed) => drawn(seed))).size).toBeGreaterThan(8);
  });

  it('leaves a class of one image to learning', () => {
    for (let seed = 0; seed < 20; seed++) {
      const { isVal, oneSided } = drawValidation([[0, 1], [0, 2], [0]], 3, seed);
      expect(isVal).toEqual([false, false, true]);
      expect(oneSided).toEqual([
        { label: 1, inVal: false },
        { label: 2, inVal: false },
      ]);
    }
  });

  it('counts in images and in shares, and leaves an image on either side', () => {
    expect([5, 0.5, undefined, 100, 0.01].map((asked) => validationCount(10, asked))).toEqual([5, 5, 2, 9, 1]);
    expect([validationCount(2, undefined), validationCount(5000, undefined), validationCount(5000, 900)]).toEqual([1, 200, 900]);
  });

  it('is quick for many images of many classes', () => {
    const present = Array.from({ length: 3000 }, (_, i) => [0, 1 + (i % 199)]);
    const { isVal, oneSided } = drawValidation(present, 200, 0);
    expect([countOf(isVal), oneSided]).toEqual([200, []]);
  });
});

it('what a list holds is what is read from it', () => {
  const file = join(folder, 'list.txt');
  const word = fc.stringMatching(/^[\w.é-]+( {1,2}[\w.-]+)?$/).filter((name) => !name.includes('..'));
  const image = word.map((name) => `my images/${name}.jpg`);
  const sample = fc.record({
    image: fc.oneof(
      image,
      word.map((name) => `i/${name}.jpg`),
    ),
    mask: fc.option(
      word.map((name) => `m/${name}.png`),
      { nil: undefined },
    ),
  });
  fc.assert(
    fc.property(fc.uniqueArray(sample, { minLength: 1, selector: (one) => one.image }), (samples) => {
      writeFileSync(file, listText(samples.map(({ image, mask }) => (mask === undefined ? { image } : { image, mask }))));
      expect(readList(file).map(({ image, mask }) => ({ image, mask }))).toEqual(samples.map(({ image, mask }) => ({ image, mask })));
    }),
  );
  expect(listText([{ image: 'a.jpg', mask: 'a.png' }, { image: 'b.jpg' }, { image: 'c d.jpg', mask: 'c.png' }])).toBe(
    'a.jpg a.png\nb.jpg\nc d.jpg\tc.png\n',
  );
  expect(listText([{ image: 'b c.jpg' }])).toBe('b c.jpg\t\n');
});

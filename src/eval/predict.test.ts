import { describe, expect, it } from 'vitest';
import { liveTensors, ops, scope, type Tensor, tensor } from '../torch/index.ts';
import { type Forward, predictClasses, slidingWindow, testTimeAugmentation } from './index.ts';

const image = (height: number, width: number): Tensor =>
  tensor(
    Float64Array.from({ length: 3 * height * width }, (_, i) => Math.sin(i * 0.7) * 2),
    [1, 3, height, width],
  );
/** A "network" that looks at each pixel by itself. */
const pixelwise: Forward = (x) => x.mul(2);
const largest = (a: Tensor, b: Tensor) => ops.max(ops.absolute(a.sub(b))).item();
const list = (t: Tensor) => [...(t.toTyped() as Float64Array)].map(Number);

describe('sliding window', () => {
  it('is one plain forward where the stride passes the image', () => {
    using _ = scope();
    const x = image(6, 5);
    const sizes: number[][] = [];
    const sum = slidingWindow(
      (part) => {
        sizes.push(part.shape);
        return pixelwise(part);
      },
      x,
      9,
    );
    expect(sizes).toEqual([[1, 3, 6, 5]]);
    expect(largest(sum, pixelwise(x).softmax(1))).toBe(0);
  });

  it.each([
    [7, 8, 6],
    [10, 7, 7],
    [9, 13, 4],
    [3, 3, 1],
  ])('at %i x %i with windows of %i: every pixel is the softmax times the windows that see it', (height, width, window) => {
    using _ = scope();
    const x = image(height, width);
    const stride = Math.max(1, Math.floor((2 * window) / 3));
    const seen = (at: number, side: number) => {
      let count = 0;
      for (let start = 0; start < side; start += stride) if (at >= start && at < start + window) count++;
      return count;
    };
    const before = liveTensors();
    const sum = slidingWindow(pixelwise, x, window);
    expect(liveTensors()).toBe(before + 1);
    const counts = list(sum.sum(1));
    for (let y = 0; y < height; y++)
      for (let column = 0; column < width; column++)
        expect(counts[y * width + column]).toBeCloseTo(seen(y, height) * seen(column, width), 9);
    expect(largest(sum.div(sum.sum(1, true)), pixelwise(x).softmax(1))).toBeLessThan(1e-12);
  });
});

describe('test-time augmentation', () => {
  it('sums ten views, unmirrored', () => {
    using _ = scope();
    const before = liveTensors();
    const x = image(8, 12);
    const sizes: string[] = [];
    const sum = testTimeAugmentation((view) => {
      sizes.push(view.shape.slice(2).join('x'));
      return pixelwise(view).softmax(1);
    }, x);
    expect(sizes).toEqual(['4x6', '4x6', '6x9', '6x9', '8x12', '8x12', '12x18', '12x18', '16x24', '16x24']);
    expect(liveTensors()).toBe(before + 2);
    expect(list(sum.sum(1)).every((total) => Math.abs(total - 10) < 1e-9)).toBe(true);
    // pixel by pixel, mirroring there and back changes nothing
    const straight = testTimeAugmentation((view) => pixelwise(view).softmax(1), x.flip(3)).flip(3);
    expect(largest(sum, straight)).toBeLessThan(1e-12);
  });

  it('sees an image of one row at every scale', () => {
    using _ = scope();
    const sizes: string[] = [];
    const sum = testTimeAugmentation(
      (view) => {
        sizes.push(view.shape.slice(2).join('x'));
        return pixelwise(view).softmax(1);
      },
      image(1, 3),
    );
    expect([sum.shape.slice(2), sizes.filter((_, i) => i % 2 === 0)]).toEqual([
      [1, 3],
      ['1x1', '1x2', '1x3', '1x4', '2x6'],
    ]);
    expect(list(sum.sum(1)).every((total) => Math.abs(total - 10) < 1e-9)).toBe(true);
  });

  it('leaves the image alone, also at scale 1', () => {
    using _ = scope();
    const x = image(8, 12);
    testTimeAugmentation((view) => view, x);
    expect(largest(x, image(8, 12))).toBe(0);
  });
});

describe('predictClasses', () => {
  const options = { mode: 'original', window: 6, tta: false } as const;

  it('is the argmax of the logits, resized before it', () => {
    using _ = scope();
    const x = image(6, 8);
    expect(predictClasses(pixelwise, x, options).shape).toEqual([6, 8]);
    expect(ops.equal(predictClasses(pixelwise, x, options), pixelwise(x).argmax(1).select(0, 0))).toBe(true);
    const bigger = predictClasses(pixelwise, x, { ...options, size: [13, 17] });
    expect(ops.equal(bigger, ops.upsampleBilinear2d(pixelwise(x), [13, 17], true).argmax(1).select(0, 0))).toBe(true);
  });

  it.each([
    ['original', false],
    ['original', true],
    ['sliding_window', false],
    ['sliding_window', true],
  ] as const)('%s, tta %s: one handle, of the wanted size', (mode, tta) => {
    using _ = scope();
    const x = image(7, 9);
    const before = liveTensors();
    const classes = predictClasses(pixelwise, x, { mode, window: 6, tta, size: [14, 18] });
    expect(liveTensors()).toBe(before + 1);
    expect([classes.dtype, classes.shape]).toEqual(['int64', [14, 18]]);
    if (!tta && mode === 'sliding_window')
      expect(ops.equal(predictClasses(pixelwise, x, { mode, window: 40, tta }), predictClasses(pixelwise, x, options))).toBe(true);
  });
});

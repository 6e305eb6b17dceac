import { describe, expect, it } from 'vitest';
import type { LabelledBatch, TrainBatch, UnlabelledBatch } from '../data/loader/index.ts';
import { liveTensors, scope, type Tensor, tensor } from '../torch/index.ts';
import { imagesToTensor, imageToTensor, labelsToTensor, toLabelMap, toViews } from './index.ts';

const pattern = (n: number, offset = 0) => Uint8Array.from({ length: n }, (_, i) => (i * 37 + offset) % 256);
const shared = (bytes: Uint8Array | Int32Array) => {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  copy.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return copy;
};
const list = (t: Tensor) => [...(t.toTyped() as Float32Array)].map(Number);

/** torchvision's ToTensor and Normalize, each operation rounded to float32. */
function normalised(bytes: Uint8Array, n: number, h: number, w: number): number[] {
  const f = Math.fround;
  const mean = [0.485, 0.456, 0.406].map(f);
  const deviation = [0.229, 0.224, 0.225].map(f);
  const values: number[] = [];
  for (let i = 0; i < n; i++)
    for (let c = 0; c < 3; c++)
      for (let p = 0; p < h * w; p++) values.push(f(f(f(bytes[(i * h * w + p) * 3 + c]! / 255) - mean[c]!) / deviation[c]!));
  return values;
}

describe('images and labels', () => {
  it('equals ToTensor and Normalize bit by bit, from plain and from shared memory', () => {
    using _ = scope();
    const bytes = pattern(2 * 9 * 11 * 3);
    for (const memory of [bytes, shared(bytes)]) {
      const images = imagesToTensor(memory, [2, 9, 11], 'cpu');
      expect([images.dtype, images.shape]).toEqual(['float32', [2, 3, 9, 11]]);
      expect(images.isContiguous('channels_last')).toBe(true);
      expect(list(images)).toEqual(normalised(bytes, 2, 9, 11));
    }
    const one = { width: 11, height: 9, data: bytes.subarray(0, 9 * 11 * 3) };
    expect(list(imageToTensor(one, 'cpu'))).toEqual(normalised(one.data, 1, 9, 11));
  });

  it('every byte has the value that torchvision gives it', () => {
    using _ = scope();
    const bytes = Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3));
    expect(list(imagesToTensor(bytes, [1, 16, 16], 'cpu'))).toEqual(normalised(bytes, 1, 16, 16));
  });

  it('labels become int64, 255 included, and come back as bytes', () => {
    using _ = scope();
    const bytes = Uint8Array.of(0, 1, 18, 254, 255, 7);
    const labels = labelsToTensor(shared(bytes), [1, 2, 3], 'cpu');
    expect([labels.dtype, labels.shape]).toEqual(['int64', [1, 2, 3]]);
    expect(list(labels)).toEqual([...bytes]);
    const before = liveTensors();
    expect(toLabelMap(labels.select(0, 0))).toEqual({ width: 3, height: 2, data: bytes });
    expect(toLabelMap(tensor(Uint8Array.of(1, 0), [2, 1]).to('bool'))).toEqual({ width: 1, height: 2, data: Uint8Array.of(1, 0) });
    // the three that this test made
    expect(liveTensors()).toBe(before + 3);
  });
});

describe('toViews', () => {
  const side = 5;
  const pixels = side * side;
  const unlabelled = (offset: number): UnlabelledBatch => ({
    ids: ['a', 'b'],
    weak: shared(pattern(2 * pixels * 3, offset)),
    strong1: shared(pattern(2 * pixels * 3, offset + 1)),
    strong2: shared(pattern(2 * pixels * 3, offset + 2)),
    ignore: shared(Uint8Array.from({ length: 2 * pixels }, (_, i) => (i % 4 === 0 ? 255 : 0))),
    boxes1: new Int32Array(shared(Int32Array.of(0, 1, 2, 3, 0, 0, 0, 0)).buffer),
    boxes2: new Int32Array(shared(Int32Array.of(1, 1, 1, 1, 2, 2, 2, 2)).buffer),
  });
  const batch = (whole: boolean): TrainBatch => {
    const labelled: LabelledBatch = {
      ids: ['c', 'd'],
      images: shared(pattern(2 * pixels * 3, 9)),
      labels: shared(pattern(2 * pixels, 10)),
    };
    const rest = whole ? { unlabelled: unlabelled(100), mix: unlabelled(200) } : {};
    return { iteration: 0, epoch: 0, cropSize: side, batchSize: 2, labelled, ...rest, release: () => {} };
  };

  it("holds every view, and nothing of the batch's memory", () => {
    const before = liveTensors();
    {
      using _ = scope();
      const given = batch(true);
      const views = toViews(given, 'cpu');
      const memory = [given.labelled, given.unlabelled!, given.mix!].flatMap((part) =>
        Object.values(part).filter((array) => array instanceof Uint8Array || array instanceof Int32Array),
      );
      expect(memory).toHaveLength(2 + 6 + 6);
      for (const array of memory) array.fill(77);

      const image = (offset: number) => normalised(pattern(2 * pixels * 3, offset), 2, side, side);
      expect(list(views.labelled.images)).toEqual(image(9));
      expect(list(views.labelled.labels)).toEqual([...pattern(2 * pixels, 10)]);
      for (const [part, offset] of [
        [views.unlabelled!, 100],
        [views.mix!, 200],
      ] as const) {
        expect(list(part.weak)).toEqual(image(offset));
        expect(list(part.strong1)).toEqual(image(offset + 1));
        expect(list(part.strong2)).toEqual(image(offset + 2));
        expect([part.valid.dtype, part.valid.shape]).toEqual(['bool', [2, side, side]]);
        expect(list(part.valid)).toEqual(Array.from({ length: 2 * pixels }, (_, i) => (i % 4 === 0 ? 0 : 1)));
        expect([...part.boxes1]).toEqual([0, 1, 2, 3, 0, 0, 0, 0]);
        expect([...part.boxes2]).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
      }
    }
    expect(liveTensors()).toBe(before);
  });

  it('has no unlabelled views where the batch has none', () => {
    using _ = scope();
    expect(Object.keys(toViews(batch(false), 'cpu'))).toEqual(['labelled']);
  });
});

import { afterAll, describe, expect, it } from 'vitest';
import type { EvalItem } from '../data/loader/index.ts';
import { DeepLabV3Plus } from '../models/index.ts';
import { liveTensors, noGrad, tensor } from '../torch/index.ts';
import { evaluateNetworks, predictImage, type Viewing } from './evaluate.ts';

const names = ['road', 'car', 'sky'];
const whole: Viewing = { mode: 'original', cropSize: 33, tta: false, device: 'cpu' };

/** Drawn once: thirteen million numbers. */
const drawn = new DeepLabV3Plus({ backbone: 'resnet18', classes: 3 }).initialise(1);
afterAll(() => drawn.free());

/** A network that sees one class everywhere. */
function always(cls: number): DeepLabV3Plus {
  const network = new DeepLabV3Plus({ backbone: 'resnet18', classes: 3 });
  network.load(drawn.stateDict(), 'drawn');
  const state = network.stateDict();
  const bias = tensor(Float32Array.from(names, (_, c) => (c === cls ? 1 : 0)));
  noGrad(() => {
    state.get('classifier.weight')!.zero_();
    state.get('classifier.bias')!.copy_(bias);
  });
  bias.free();
  return network;
}

function item(id: string, size: readonly [number, number], labelOf?: (y: number, x: number) => number, original = size): EvalItem {
  const [height, width] = size;
  const [originalHeight, originalWidth] = original;
  const labels = labelOf && {
    width: originalWidth,
    height: originalHeight,
    data: Uint8Array.from({ length: originalWidth * originalHeight }, (_, i) => labelOf(Math.floor(i / originalWidth), i % originalWidth)),
  };
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 256);
  return { sample: { id, image: `${id}.png` }, image: { width, height, data }, originalWidth, originalHeight, ...(labels && { labels }) };
}
async function* stream(...items: EvalItem[]): AsyncGenerator<EvalItem> {
  yield* items;
}

describe('evaluateNetworks', () => {
  it('counts every labelled image once for every network, and leaves no tensor behind', async () => {
    const networks = [always(0), always(1)];
    const before = liveTensors();
    // 2 rows of 40: road above, car below; then 20 x 33: all car but one ignored column; then one without labels
    const items = () =>
      stream(
        item('a', [40, 36], (y) => (y < 10 ? 0 : 1)),
        item('b', [20, 33], (_y, x) => (x === 0 ? 255 : 1)),
        item('c', [20, 33]),
      );
    const done: number[] = [];
    const found = await evaluateNetworks(networks, items(), names, whole, { onImage: (n) => done.push(n) });
    const road = 10 * 36;
    const car = 30 * 36 + 20 * 32;
    expect(found!.images).toBe(2);
    expect(done).toEqual([1, 2]);
    expect(found!.scores[0]!.iou.road).toBeCloseTo((100 * road) / (road + car), 9);
    expect(found!.scores[0]!.iou.car).toBe(0);
    expect(found!.scores[1]!.iou).toEqual({ road: 0, car: expect.closeTo((100 * car) / (road + car), 9), sky: 0 });
    expect(found!.scores[1]!.miou).toBeCloseTo((100 * car) / (road + car) / 3, 9);
    // no sky in truth or prediction
    expect(found!.scores[1]!.miou_present).toBeCloseTo((100 * car) / (road + car) / 2, 9);
    expect(liveTensors()).toBe(before);
    for (const network of networks) network.free();
  });

  it('crops the centre from floor((side - crop) / 2) on', async () => {
    const network = always(1);
    const centre = (y: number, x: number) => (y >= 1 && y < 34 && x >= 3 && x < 36 ? 1 : 0);
    const score = async (viewing: Viewing, ...items: EvalItem[]) =>
      (await evaluateNetworks([network], stream(...items), names, viewing))!.scores[0]!.iou;
    expect(await score({ ...whole, mode: 'center_crop' }, item('a', [36, 40], centre))).toEqual({
      road: 0,
      car: expect.closeTo(100, 6),
      sky: 0,
    });
    expect((await score(whole, item('a', [36, 40], centre))).car).toBeCloseTo((100 * 33 * 33) / (36 * 40), 6);
    // smaller than the crop: all of it
    expect(
      (
        await score(
          { ...whole, mode: 'center_crop' },
          item('a', [20, 40], (_y, x) => centre(1, x)),
        )
      ).car,
    ).toBeCloseTo(100, 6);
    network.free();
  });

  it('crops the same part of labels that are larger than the image that the network sees', async () => {
    const network = always(1);
    // the network sees 44 x 40 of 88 x 80: rows 5 to 37 and columns 3 to 35, so labels 10 to 75 and 6 to 71
    const centre = (y: number, x: number) => (y >= 10 && y < 76 && x >= 6 && x < 72 ? 1 : 0);
    const viewing: Viewing = { ...whole, mode: 'center_crop' };
    const found = await evaluateNetworks([network], stream(item('a', [44, 40], centre, [88, 80])), names, viewing);
    expect(found!.scores[0]!.iou).toEqual({ road: 0, car: expect.closeTo(100, 6), sky: 0 });
    network.free();
  });

  it.each(['original', 'center_crop', 'sliding_window'] as const)(
    '%s: the sum over processes is the whole, in any order, with tta or without',
    async (mode) => {
      const labelled = (id: string, size: readonly [number, number]) => item(id, size, (y, x) => ((y >> 3) + (x >> 2)) % 3);
      const all = [
        labelled('a', [20, 24]),
        labelled('b', [24, 20]),
        labelled('c', [9, 30]),
        labelled('d', [20, 24]),
        labelled('e', [1, 7]),
      ];
      for (const tta of [false, true]) {
        const items = tta ? all.slice(2) : all;
        const viewing: Viewing = { mode, tta, cropSize: 18, device: 'cpu' };
        const countsOf = async (...part: EvalItem[]) => {
          const found = await evaluateNetworks([drawn], stream(...part), names, viewing);
          expect(found!.images).toBe(part.length);
          return [...found!.counts[0]!];
        };
        const whole = await countsOf(...items);
        const pixels = items.map(({ image: { width, height } }) =>
          mode === 'center_crop' ? Math.min(18, width) * Math.min(18, height) : width * height,
        );
        expect(whole.reduce((a, b) => a + b, 0)).toBe(pixels.reduce((a, b) => a + b, 0));
        const parts = await Promise.all([1, 0].map((rank) => countsOf(...items.filter((_, i) => i % 2 === rank))));
        expect(whole.map((_, cell) => parts[0]![cell]! + parts[1]![cell]!)).toEqual(whole);
      }
    },
  );

  it('stops when it is told to', async () => {
    const network = always(1);
    const controller = new AbortController();
    const items = stream(
      item('a', [20, 20], () => 1),
      item('b', [20, 20], () => 1),
    );
    const stopped = evaluateNetworks([network], items, names, whole, { signal: controller.signal, onImage: () => controller.abort() });
    expect(await stopped).toBeUndefined();
    network.free();
  });
});

describe('predictImage', () => {
  const { image } = item('a', [35, 50]);

  it.each([
    ['original', false, [35, 50]],
    ['original', true, [70, 101]],
    ['sliding_window', false, [35, 50]],
    ['sliding_window', true, [20, 31]],
    ['center_crop', false, [40, 60]],
  ] as const)('%s, tta %s gives a map of %j pixels', (mode, tta, size) => {
    const before = liveTensors();
    const map = predictImage(drawn, image, size, { ...whole, mode, tta });
    expect([map.height, map.width, map.data.length]).toEqual([size[0], size[1], size[0] * size[1]]);
    expect(map.data.every((cls) => cls < 3)).toBe(true);
    expect(liveTensors()).toBe(before);
  });

  it('by windows larger than the image is the plain prediction', () => {
    const plain = predictImage(drawn, image, [35, 50], whole);
    expect(new Set(plain.data).size).toBeGreaterThan(1);
    expect(predictImage(drawn, image, [35, 50], { ...whole, mode: 'sliding_window', cropSize: 120 })).toEqual(plain);
  });
});

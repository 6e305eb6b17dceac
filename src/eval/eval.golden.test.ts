/** Metrics, sliding windows and test-time augmentation against the golden numbers. */
import { expect, it } from 'vitest';
import { exact, expectClose, expectTensorClose, goldenJson, goldenTensors, prefix } from '../../test/support/golden.ts';
import { recipeFill, recipeLabels, recipeTensor } from '../../test/support/recipe.ts';
import { type BackboneName, DeepLabV3Plus } from '../models/index.ts';
import { noGrad, scope, type Tensor } from '../torch/index.ts';
import { byReliability, ConfusionMatrix, reliability, slidingWindow, testTimeAugmentation } from './index.ts';

const classes = 5;
const network = (backbone: BackboneName) => recipeFill(new DeepLabV3Plus({ backbone, classes }).to('float64'), prefix);
const big = () => recipeTensor(`${prefix}big`, [1, 3, 97, 130], -2, 2);
const bytes = (t: Tensor) => t.to('uint8').toTyped() as Uint8Array;

it('metrics.json: confusion matrix, IoU, mIoU', () => {
  using _ = scope();
  const golden = goldenJson<{ confusion: number[][]; iou: number[]; miou: number }>('metrics.json');
  const shape = [3, 40, 50];
  const target = bytes(recipeLabels(`${prefix}target`, shape, 6));
  const predicted = bytes(recipeLabels(`${prefix}pred`, shape, 7, 0));
  // as gen.py: the first image is predicted perfectly
  for (let i = 0; i < 40 * 50; i++) if (target[i] !== 255) predicted[i] = target[i]!;
  const matrix = new ConfusionMatrix(7);
  for (let n = 0; n < 3; n++) matrix.add(predicted.subarray(n * 2000, (n + 1) * 2000), target.subarray(n * 2000, (n + 1) * 2000));
  expect([...matrix.counts]).toEqual(golden.confusion.flat());
  expectClose(matrix.iou(), golden.iou, 'IoU');
  expectClose([matrix.miou()], [golden.miou], 'mIoU');
});

it('sliding_window.safetensors', () => {
  using _ = scope();
  const model = network('resnet50');
  const sum = noGrad(() => slidingWindow((image) => model.forward(image, false), big(), 65));
  expectTensorClose(sum, goldenTensors('sliding_window.safetensors').get('probabilities')!, 'sliding window', exact);
});

it('tta.safetensors', () => {
  using _ = scope();
  const model = network('resnet18');
  const image = big().narrow(2, 0, 60).narrow(3, 0, 70).contiguous();
  const sum = noGrad(() => testTimeAugmentation((scaled) => model.forward(scaled, false).softmax(1), image));
  expectTensorClose(sum, goldenTensors('tta.safetensors').get('probabilities')!, 'tta', exact);
});

it('reliability.json: how much the labels of four images changed, and their order', () => {
  const golden = goldenJson<{ nclass: number; reliability: number[]; order: number[] }>('reliability.json');
  const inputs = goldenTensors('reliability_inputs.safetensors');
  const pixels = 24 * 30;
  const image = (name: string, i: number) => Uint8Array.from(inputs.get(name)!.values.subarray(i * pixels, (i + 1) * pixels));
  const values = golden.reliability.map((_, i) => reliability([image('early1', i), image('early2', i)], image('last', i), golden.nclass));
  expectClose(values, golden.reliability, 'reliability');
  expect(byReliability(values)).toEqual(golden.order);
});

it('reliability of wholly equal labels is 1 to the bit, whatever their size, so that the list decides', () => {
  const halves = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i < 30 ? 1 : 0));
  const equal = [500 * 375, 500 * 333, 64].flatMap((size) => [new Uint8Array(size), halves(size)]);
  const values = equal.map((labels) => reliability([labels, labels], labels, 3));
  expect(values).toEqual(equal.map(() => 1));
  expect(byReliability(values)).toEqual([0, 1, 2, 3, 4, 5]);
});

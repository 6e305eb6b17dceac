/** FixMatch and UniMatch (SPEC section 8) against the definition, written out pixel by pixel in plain numbers; learning by parts. */
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/support/golden.ts';
import { recipeFill } from '../../test/support/recipe.ts';
import { madeUpViews } from '../../test/support/views.ts';
import { DeepLabV3Plus, type FeatureDrop } from '../models/index.ts';
import { noGrad, ops, type Synchronous, scope, type Tensor } from '../torch/index.ts';
import { type MethodOptions, methods } from './index.ts';
import type { StepContext, UnlabelledViews } from './method.ts';

const classes = 4;
const crop = 33;
const batch = 2;
const pixels = crop * crop;
/** Low enough that a network that knows nothing is sure of some pixels and not of others. */
const confidence = 0.45;
const tolerance = { relative: 2e-5, absolute: 1e-7 };

const numbers = (t: Tensor) => [...(t.contiguous().toTyped() as Float32Array)].map(Number);
const network = () => recipeFill(new DeepLabV3Plus({ backbone: 'resnet18', stem: 'standard', classes }), 'rivals/').trainable(true);
/** Whole channels dropped of even images, none of odd ones. */
const drop = (_n: number, images: number): FeatureDrop => {
  const mask = (channels: number) =>
    ops.cat(
      Array.from({ length: images }, (_, i) =>
        ops.cat(
          Array.from({ length: channels }, (_, c) => ops.full([1, 1, 1, 1], i % 2 === 0 && c % 3 === 0 ? 0 : 2)),
          1,
        ),
      ),
    );
  return { low: mask(64), high: mask(512) };
};
const contextOf = (student: DeepLabV3Plus): StepContext => ({
  student,
  teacher: student,
  warmup: false,
  batchNorm: 'shared',
  precision: <T>(forward: () => Synchronous<T>): T => forward(),
  // With its graph: a test may want the gradients.
  learn: (part) => part,
  drop,
  dropout: () => () => {
    throw new Error('this network has no dropout');
  },
});

/** Probabilities [N][pixel][class] of logits [N, K, H, W]. */
function softmaxOf(logits: Tensor): number[][][] {
  const values = numbers(logits);
  return Array.from({ length: batch }, (_, n) =>
    Array.from({ length: pixels }, (_, i) => {
      const row = Array.from({ length: classes }, (_, c) => Math.exp(values[(n * classes + c) * pixels + i]!));
      const sum = row.reduce((a, b) => a + b);
      return row.map((value) => value / sum);
    }),
  );
}

const isInside = (boxes: Int32Array, n: number, i: number): boolean => {
  const [top, left, height, width] = boxes.subarray(4 * n, 4 * n + 4) as unknown as [number, number, number, number];
  const y = Math.floor(i / crop);
  const x = i % crop;
  return y >= top && y < top + height && x >= left && x < left + width;
};

/** Mean cross entropy of the predictions over valid pixels, of those whose label is sure. `box`: where the mix batch labels. */
function maskedLoss(
  predicted: number[][][],
  weak: number[][][],
  mix: number[][][],
  valid: readonly number[],
  validMix: readonly number[],
  boxes?: Int32Array,
): number {
  let sum = 0;
  let count = 0;
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < pixels; i++) {
      const pasted = boxes !== undefined && isInside(boxes, n, i);
      if ((pasted ? validMix : valid)[n * pixels + i] === 0) continue;
      count++;
      const p = (pasted ? mix : weak)[n]![i]!;
      const best = Math.max(...p);
      if (best >= confidence) sum -= Math.log(predicted[n]![i]![p.indexOf(best)]!);
    }
  return sum / count;
}

function labelledLoss(predicted: number[][][], labels: readonly number[]): number {
  let sum = 0;
  let count = 0;
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < pixels; i++) {
      const label = labels[n * pixels + i]!;
      if (label === 255) continue;
      count++;
      sum -= Math.log(predicted[n]![i]![label]!);
    }
  return sum / count;
}

/** A view with the mix batch's boxes pasted in, on the host. */
function pasted(base: Tensor, other: Tensor, boxes: Int32Array): Tensor {
  const mixed = base.clone();
  for (let n = 0; n < batch; n++) {
    const [top, left, height, width] = boxes.subarray(4 * n, 4 * n + 4) as unknown as [number, number, number, number];
    for (let y = top; y < top + height; y++)
      mixed
        .select(0, n)
        .narrow(1, y, 1)
        .narrow(2, left, width)
        .copy_(other.select(0, n).narrow(1, y, 1).narrow(2, left, width));
  }
  return mixed;
}

interface Expected {
  readonly weak: number[][][];
  readonly mix: number[][][];
  readonly lossX: number;
  readonly valid: readonly number[];
  readonly validMix: readonly number[];
}

function setting(name: string) {
  const views = madeUpViews(name, batch, crop, classes);
  const options: MethodOptions = {
    loss: {
      labelled: 'ce',
      ohem_threshold: 0.7,
      ohem_min_kept_per_image: 1,
      weight_strong: 0.3,
      weight_feature: 0.7,
      weight_contrastive: 0,
    },
    select: { rule: 'fixed', high: 0, ratio: 0, conf_thresh: confidence },
  };
  return { views, options, labels: numbers(views.labelled.labels) };
}

const validOf = ({ valid }: UnlabelledViews) => numbers(valid.to('float32'));

describe('FixMatch', () => {
  it('learns one CutMixed strong view from its own sure labels', () => {
    using _ = scope();
    const { views, options, labels } = setting('fixmatch');
    const { labelled, unlabelled, mix } = views;
    const model = network();
    const [expected, strong] = noGrad(() => {
      // The mix batch in evaluation mode, with the statistics as they are before the step.
      const mixed = softmaxOf(model.forward(mix.weak, false));
      const clean = model.forward(ops.cat([labelled.images, unlabelled.weak]), true);
      const student = softmaxOf(model.forward(pasted(unlabelled.strong1, mix.strong1, unlabelled.boxes1), true));
      const at: Expected = {
        weak: softmaxOf(clean.narrow(0, batch, batch)),
        mix: mixed,
        lossX: labelledLoss(softmaxOf(clean.narrow(0, 0, batch)), labels),
        valid: validOf(unlabelled),
        validMix: validOf(mix),
      };
      return [at, student] as const;
    });
    const { weak, mix: mixed, lossX, valid, validMix } = expected;
    const lossS = maskedLoss(strong, weak, mixed, valid, validMix, unlabelled.boxes1);
    expect(lossS).toBeGreaterThan(0);

    const result = methods.fixmatch(options).step(views, contextOf(network()));
    expectClose([result.terms.get('loss_x')!.item()], [lossX], 'loss_x', tolerance);
    expectClose([result.terms.get('loss_s1')!.item()], [lossS], 'loss_s1', tolerance);
    expectClose([result.loss.item()], [(lossX + 0.3 * lossS) / 2], 'loss', tolerance);
    result.loss.backward();
  });
});

describe('UniMatch', () => {
  it('learns two CutMixed strong views and one perturbed prediction from its own sure labels', () => {
    using _ = scope();
    const { views, options, labels } = setting('unimatch');
    const { labelled, unlabelled, mix } = views;
    const model = network();
    const [clean, dropped, mixed, strong1, strong2] = noGrad(() => {
      const mixLogits = softmaxOf(model.forward(mix.weak, false));
      const parts = model.forwardWithDrops(ops.cat([labelled.images, unlabelled.weak]), true, [drop(1, 2 * batch)], 'shared');
      const both = ops.cat([
        pasted(unlabelled.strong1, mix.strong1, unlabelled.boxes1),
        pasted(unlabelled.strong2, mix.strong2, unlabelled.boxes2),
      ]);
      const strong = model.forward(both, true);
      const half = (k: number) => softmaxOf(strong.narrow(0, k * batch, batch));
      return [parts[0]!, softmaxOf(parts[1]!.narrow(0, batch, batch)), mixLogits, half(0), half(1)] as const;
    });
    const weak = softmaxOf(clean.narrow(0, batch, batch));
    const [valid, validMix] = [validOf(unlabelled), validOf(mix)];
    const lossX = labelledLoss(softmaxOf(clean.narrow(0, 0, batch)), labels);
    const s1 = maskedLoss(strong1, weak, mixed, valid, validMix, unlabelled.boxes1);
    const s2 = maskedLoss(strong2, weak, mixed, valid, validMix, unlabelled.boxes2);
    const fp = maskedLoss(dropped, weak, mixed, valid, validMix);

    const result = methods.unimatch(options).step(views, contextOf(network()));
    for (const [name, value] of Object.entries({ loss_x: lossX, loss_s1: s1, loss_s2: s2, loss_fp1: fp }))
      expectClose([result.terms.get(name)!.item()], [value], name, tolerance);
    expectClose([result.loss.item()], [(lossX + 0.3 * (s1 + s2) + 0.7 * fp) / 2], 'loss', tolerance);
  });
});

it('FixMatch that is sure of nothing learns from the labelled images alone', () => {
  using _ = scope();
  const { views, options } = setting('gradients');
  const model = network();
  const none = { ...options, select: { ...options.select, conf_thresh: 1.1 } };
  const { loss, terms } = methods.fixmatch(none).step(views, contextOf(model));
  expect(terms.get('loss_s1')!.item()).toBe(0);
  expect(terms.get('mask_ratio')!.item()).toBe(0);
  expectClose([loss.item()], [terms.get('loss_x')!.item() / 2], 'loss', tolerance);
});

it.each(['fixmatch', 'unimatch', 'dssn'] as const)(
  '%s has the same gradients from the parts of its loss, one by one, as from their sum',
  (name) => {
    using _ = scope();
    const { views, options } = setting('parts');
    const gradients = (whole: boolean): ReadonlyMap<string, Tensor> => {
      const student = network();
      let parts = 0;
      const learn = (part: Tensor): Tensor => {
        parts++;
        if (whole) return part;
        part.backward();
        return part.detach();
      };
      const { loss } = methods[name]({ ...options, loss: { ...options.loss, weight_contrastive: 0.1 } }).step(views, {
        ...contextOf(student),
        learn,
      });
      expect(parts).toBe(2);
      if (whole) loss.backward();
      return new Map([...student.namedParameters()].map(([key, parameter]) => [key, parameter.grad!]));
    };
    const [apart, together] = [gradients(false), gradients(true)];
    for (const [key, gradient] of apart) {
      const other = together.get(key)!;
      const distance = ops.norm(gradient.sub(other)).item();
      expect(distance, key).toBeLessThanOrEqual(1e-6 * ops.norm(other).item());
    }
  },
);

import { describe, expect, it } from 'vitest';
import { madeUpViews } from '../../test/support/views.ts';
import { TorchError } from '../base/errors.ts';
import { type MethodName, type MethodOptions, methods, type StepResult } from '../methods/index.ts';
import { liveTensors, scope, type Tensor } from '../torch/index.ts';
import { Stepper, type StepSettings } from './step.ts';

const classes = 4;
const options: MethodOptions = {
  loss: {
    labelled: 'ce',
    ohem_threshold: 0.7,
    ohem_min_kept_per_image: 100,
    weight_strong: 0.25,
    weight_feature: 0.25,
    weight_contrastive: 0.01,
  },
  select: { rule: 'class-aware', high: 0.3, ratio: 0.96, conf_thresh: 0.95 },
};
const stepper = (
  method: MethodName,
  changes: Partial<StepSettings['train']> = {},
  warmupIterations = 1,
  burnIn?: StepSettings['burnIn'],
  model: Partial<StepSettings['model']> = {},
) =>
  new Stepper(methods[method](options), {
    ...(burnIn && { burnIn }),
    seed: 1,
    device: 'cpu',
    model: { backbone: 'resnet18', classes, ...model },
    iterations: 20,
    warmupIterations,
    train: {
      lr: 1e-3,
      lr_multi: 10,
      momentum: 0.9,
      weight_decay: 1e-4,
      power: 0.9,
      ema: 0.9,
      ema_warmup: false,
      precision: 'fp32',
      batch_norm: 'shared',
      ...changes,
    },
  });
const list = (t: Tensor) => [...(t.toTyped() as Float32Array)].map(Number);
const weights = (s: Stepper, who: 'student' | 'teacher') => {
  using _ = scope();
  const state = s[who].stateDict();
  return ['backbone.conv1.0.weight', 'head.project.0.weight', 'classifier.bias', 'backbone.bn1.running_mean'].map((name) =>
    list(state.get(name)!.flatten().narrow(0, 0, 4)),
  );
};

describe('a training step', () => {
  it.each(['supervised', 'dssn'] as const)('of %s leaves the number of live tensors where it was: 20 steps', (method) => {
    const start = liveTensors();
    const s = stepper(method);
    let after = 0;
    for (let k = 0; k < 20; k++) {
      {
        using _ = scope();
        const { values } = s.step(madeUpViews(`step ${k}`, 1 + (method === 'supervised' ? 1 : 0), 33, classes), k);
        expect(Object.values(values).every(Number.isFinite)).toBe(true);
      }
      if (k === 0) after = liveTensors();
      expect(liveTensors(), `after step ${k}`).toBe(after);
    }
    s.free();
    expect(liveTensors()).toBe(start);
  });

  it('is the same for the same seed, and learns', () => {
    using _ = scope();
    const run = () => {
      const s = stepper('dssn', { lr: 0.01 });
      const views = madeUpViews('one', 2, 33, classes);
      const losses = Array.from({ length: 3 }, (_, k) => s.step(views, k).values.loss_x!);
      return { losses, weights: weights(s, 'student') };
    };
    const first = run();
    expect(run()).toEqual(first);
    expect(first.losses.at(-1)).toBeLessThan(first.losses[0]!);
  });

  it.each(['supervised', 'dssn'] as const)("of %s draws the network's own dropout from the seed, afresh in every iteration", (method) => {
    using _ = scope();
    const losses = (model: Partial<StepSettings['model']>, iteration: number) =>
      stepper(method, {}, 0, undefined, { ...model, backbone: 'resnet10', stem: 'standard', decoderChannels: 8 }).step(
        madeUpViews('one', 2, 33, classes),
        iteration,
      ).values;
    const rates = { asppDropout: 0.5, fuseDropout: 0.1 };
    const first = losses(rates, 1);
    expect(losses(rates, 1)).toEqual(first);
    expect(losses(rates, 2).loss).not.toBe(first.loss);
    expect(losses({}, 1).loss).not.toBe(first.loss);
  });

  it('names its terms, follows the schedule, and the teacher copies the student in the warm-up alone', () => {
    using _ = scope();
    const s = stepper('dssn', {}, 2);
    expect(weights(s, 'teacher')).toEqual(weights(s, 'student'));
    const rates: number[] = [];
    for (let k = 0; k < 3; k++) {
      const { values, lr } = s.step(madeUpViews('one', 2, 33, classes), k);
      rates.push(lr);
      expect(Object.keys(values).sort()).toEqual(
        [
          'loss',
          'loss_x',
          'loss_s1',
          'loss_s2',
          'loss_fp1',
          'loss_fp2',
          'loss_con_img',
          'loss_con_feat',
          'kept_s1',
          'kept_s2',
          'mask_ratio',
        ].sort(),
      );
      const { loss_x: x = 0, loss_s1: s1 = 0, loss_s2: s2 = 0, loss_fp1: fp1 = 0, loss_fp2: fp2 = 0 } = values;
      const strong = k < 2 ? 0 : 0.25 * (s1 + s2);
      const contrastive = 0.01 * (values.loss_con_img! + values.loss_con_feat!);
      expect(values.loss).toBeCloseTo(0.5 * (x + strong + 0.25 * (fp1 + fp2) + contrastive), 5);
      if (k < 2) expect(weights(s, 'teacher')).toEqual(weights(s, 'student'));
      else expect(weights(s, 'teacher')).not.toEqual(weights(s, 'student'));
    }
    expect(rates).toEqual([1e-3, 1e-3, 1e-3 * (1 - 1 / 20) ** 0.9]);
  });

  it('of the burn-in is one of supervised training, the teacher its EMA', () => {
    using _ = scope();
    const [s, other] = [stepper('dssn', {}, 1, { method: methods.supervised(options), iterations: 2 }), stepper('supervised')];
    for (let k = 0; k < 2; k++) {
      const views = madeUpViews(`step ${k}`, 2, 33, classes);
      expect(s.step(views, k)).toEqual(other.step(views, k));
    }
    for (const who of ['student', 'teacher'] as const) expect(weights(s, who)).toEqual(weights(other, who));
    expect(weights(s, 'teacher')).not.toEqual(weights(s, 'student'));
    expect(s.step(madeUpViews('step 2', 1, 33, classes), 2).values.loss_s1).toBeDefined();
  });

  it.each([
    ['shared', 2],
    ['separate', 1],
  ] as const)('with batch norm %s moves the running statistics %i times', (batch_norm, times) => {
    using _ = scope();
    const s = stepper('dssn', { batch_norm });
    s.step(madeUpViews('one', 2, 33, classes), 0);
    const counters = [...s.student.stateDict()].filter(([name]) => name.endsWith('tracked')).map(([, t]) => t.item());
    expect(new Set(counters)).toEqual(new Set([times]));
  });

  it('in bf16 has finite float32 losses, and float32 parameters and gradients', () => {
    using _ = scope();
    const s = stepper('dssn', { precision: 'bf16' });
    let seen: StepResult | undefined;
    const { values } = s.step(madeUpViews('one', 2, 33, classes), 0, (result) => {
      seen = result;
      expect(result.loss.dtype).toBe('float32');
      expect(result.pseudoLabels!().labels.shape).toEqual([2, 33, 33]);
    });
    expect(seen).toBeDefined();
    expect(Object.values(values).every(Number.isFinite)).toBe(true);
    // the first velocity is the gradient
    const velocities = s.optimiserState();
    expect([...velocities.keys()]).toEqual([...s.student.namedParameters()].map(([name]) => name));
    expect(new Set([...velocities.values()].map((t) => t.dtype))).toEqual(new Set(['float32']));
    expect(new Set([...s.student.namedParameters()].map(([, t]) => t.dtype))).toEqual(new Set(['float32']));
    const single = stepper('dssn').step(madeUpViews('one', 2, 33, classes), 0).values;
    expect(Math.abs(values.loss_x! - single.loss_x!)).toBeLessThan(0.05);
    expect(values.loss_x).not.toBe(single.loss_x);
  });

  it('stops on a loss that is not finite, before it changes a weight', () => {
    const s = stepper('supervised');
    const before = weights(s, 'student').slice(0, 3);
    const live = liveTensors();
    {
      using _ = scope();
      const views = madeUpViews('one', 2, 33, classes);
      views.labelled.images.fill_(Number.NaN);
      expect(() => s.step(views, 7)).toThrow(TorchError);
      expect(() => s.step(views, 7)).toThrow(/iteration 7: the loss is NaN.*loss_x/);
    }
    expect(weights(s, 'student').slice(0, 3)).toEqual(before);
    expect(liveTensors()).toBe(live);
    s.free();
  });
});

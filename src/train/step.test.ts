import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { madeUpViews } from '../../test/support/views.ts';
import { type MethodName, type MethodOptions, methods, type StepResult, type Views } from '../methods/index.ts';
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
  methodOptions: MethodOptions = options,
) =>
  new Stepper(methods[method](methodOptions), {
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

  /** Everything that a step may change, bit by bit. */
  const wholeState = (s: Stepper): Map<string, string> => {
    using _ = scope();
    const of = (who: string, tensors: Iterable<readonly [string, Tensor]>) =>
      [...tensors].map(([name, t]) => [`${who} ${name}`, createHash('sha256').update(t.toBytes()).digest('hex')] as const);
    return new Map([
      ...of('student', s.student.stateDict()),
      ...of('teacher', s.teacher.stateDict()),
      ...of('optimiser', s.optimiserState()),
    ]);
  };
  const tiny = { backbone: 'resnet10', stem: 'standard', decoderChannels: 8 } as const;

  it.each([
    ['supervised', 'labelled', /^loss is NaN, loss_x is NaN$/],
    ['dssn', 'labelled', /^loss is NaN, loss_x is NaN/],
    ['dssn', 'strong1', /^loss is NaN, .*loss_con_img is NaN/],
  ] as const)(
    'of %s with an infinite pixel in a %s view is left out: the whole state stays, and the next step is as ever',
    (method, part, reason) => {
      const start = liveTensors();
      const s = stepper(method, {}, 0, undefined, tiny);
      const other = stepper(method, {}, 0, undefined, tiny);
      {
        using _ = scope();
        for (const each of [s, other]) each.step(madeUpViews('first', 2, 33, classes), 0);
        const before = wholeState(s);
        const views = madeUpViews('one', 2, 33, classes);
        const image = part === 'labelled' ? views.labelled.images : views.unlabelled[part];
        image.select(0, 0).select(0, 1).select(0, 5).narrow(0, 7, 1).fill_(Number.POSITIVE_INFINITY);
        expect(s.step(views, 1).skipped).toMatch(reason);
        expect(wholeState(s)).toEqual(before);
        for (const each of [s, other]) expect(each.step(madeUpViews('next', 2, 33, classes), 2).skipped).toBeUndefined();
        expect(wholeState(s)).toEqual(wholeState(other));
        expect(wholeState(s)).not.toEqual(before);
      }
      for (const each of [s, other]) each.free();
      expect(liveTensors()).toBe(start);
    },
  );

  it('whose gradient alone is not finite names a parameter and is left out too', () => {
    const loss = { ...options.loss, weight_contrastive: 3e38 };
    const s = stepper('dssn', {}, 0, undefined, tiny, { ...options, loss });
    using _ = scope();
    const before = wholeState(s);
    const { skipped, values } = s.step(madeUpViews('one', 2, 33, classes), 0);
    expect(Number.isFinite(values.loss)).toBe(true);
    expect(skipped).toMatch(/^the gradient of \S+ is not finite$/);
    expect(wholeState(s)).toEqual(before);
    s.free();
  });

  it('on labelled crops without a single label has the loss 0, and is taken', () => {
    using _ = scope();
    const s = stepper('supervised', {}, 0, undefined, tiny);
    const views = madeUpViews('one', 2, 33, classes);
    views.labelled.labels.fill_(255);
    expect(s.step(views, 0)).toMatchObject({ values: { loss: 0, loss_x: 0 } });
    expect(s.step(views, 1).skipped).toBeUndefined();
  });

  it('over two batches applies the mean of their gradients', () => {
    using _ = scope();
    const gradients = (...batches: readonly Views[]) => {
      const s = stepper('supervised', {}, 0, undefined, tiny);
      s.begin(0, batches.length);
      for (const views of batches) s.add(views);
      const { values } = s.finish();
      // The first velocity is the gradient and the decay, which all share.
      return { values, velocity: list(s.optimiserState().get('backbone.conv1.weight')!.flatten()) };
    };
    const [a, b] = ['a', 'b'].map((name) => madeUpViews(name, 2, 33, classes)) as [Views, Views];
    const [alone, other, both] = [gradients(a), gradients(b), gradients(a, b)];
    expect(both.values.loss).toBeCloseTo((alone.values.loss! + other.values.loss!) / 2, 5);
    expect(alone.velocity).not.toEqual(other.velocity);
    for (const [i, value] of both.velocity.entries()) expect(value).toBeCloseTo((alone.velocity[i]! + other.velocity[i]!) / 2, 5);
  });

  it('abandoned after one of two batches leaves no trace', () => {
    const s = stepper('dssn', {}, 0, undefined, tiny);
    using _ = scope();
    const before = wholeState(s);
    s.begin(0, 2);
    s.add(madeUpViews('one', 2, 33, classes));
    s.abandon();
    expect(wholeState(s)).toEqual(before);
    s.step(madeUpViews('one', 2, 33, classes), 0);
    const other = stepper('dssn', {}, 0, undefined, tiny);
    other.step(madeUpViews('one', 2, 33, classes), 0);
    expect(wholeState(s)).toEqual(wholeState(other));
  });
});

/** Losses, selection and four whole training iterations of DSSN against the golden numbers. */
import { describe, expect, it } from 'vitest';
import { exact, expectClose, expectTensorClose, goldenJson, goldenTensors, prefix, type Tolerance } from '../../test/support/golden.ts';
import { recipe, recipeFill, recipeLabels, recipeTensor } from '../../test/support/recipe.ts';
import { ohemCrossEntropy } from '../losses/index.ts';
import { DeepLabV3Plus } from '../models/index.ts';
import { Ema, polyRate, Sgd } from '../optim/index.ts';
import { type DType, noGrad, ops, scope, type Tensor, tensor } from '../torch/index.ts';
import { dssn, type StrongPredictions, strongLosses, type WeakPredictions, weakLosses } from './dssn.ts';
import type { MethodOptions } from './index.ts';
import type { UnlabelledViews, Views } from './method.ts';
import { selection } from './selection.ts';

const published: MethodOptions = {
  loss: {
    labelled: 'ce',
    ohem_threshold: 0.7,
    ohem_min_kept_per_image: 100000,
    weight_strong: 0.25,
    weight_feature: 0.25,
    weight_contrastive: 0.01,
  },
  select: { rule: 'class-aware', high: 0.92, ratio: 0.96, conf_thresh: 0.95 },
};
const inputs = goldenTensors('loss_inputs.safetensors');
const input = (name: string): Tensor => {
  const { shape, values } = inputs.get(name)!;
  return tensor(values, shape);
};

/** The rectangle of ones of each image of a mask [N, H, W]. */
function boxesOf(name: string): Int32Array {
  const { shape, values } = inputs.get(name)!;
  const [n, h, w] = shape as [number, number, number];
  const boxes = new Int32Array(4 * n);
  for (let i = 0; i < n; i++) {
    const inside = [...values.subarray(i * h * w, (i + 1) * h * w).entries()]
      .filter(([, v]) => v > 0)
      .map(([k]) => [Math.floor(k / w), k % w] as const);
    const rows = inside.map(([y]) => y);
    const columns = inside.map(([, x]) => x);
    const box = [
      Math.min(...rows),
      Math.min(...columns),
      Math.max(...rows) - Math.min(...rows) + 1,
      Math.max(...columns) - Math.min(...columns) + 1,
    ];
    expect(box[2]! * box[3]!, `${name} is a rectangle`).toBe(inside.length);
    boxes.set(box, 4 * i);
  }
  return boxes;
}

type Case = Record<string, number> & { grad_norm: Record<string, number> };
const cases = goldenJson<Record<string, Case>>('losses.json');
const settings: Record<string, { options: MethodOptions; warmup?: boolean; edge?: boolean }> = {
  class_aware: { options: published },
  class_aware_warmup: { options: published, warmup: true },
  'fixed_0.95': { options: { ...published, select: { ...published.select, rule: 'fixed' } } },
  fixed_0: { options: { ...published, select: { ...published.select, rule: 'fixed', conf_thresh: 0 } } },
  ohem: {
    // 600 pixels of two images
    options: {
      loss: { ...published.loss, labelled: 'ohem', ohem_min_kept_per_image: 300 },
      select: { ...published.select, rule: 'fixed', conf_thresh: 0 },
    },
  },
  edge: { options: published, edge: true },
  edge_ohem: {
    options: { loss: { ...published.loss, labelled: 'ohem', ohem_min_kept_per_image: 0 }, select: { ...published.select, rule: 'fixed' } },
    edge: true,
  },
};

/** The golden inputs; `edge` leaves nothing to learn from and makes some logits constant. */
function predictions(dtype: DType, edge: boolean): { predictions: WeakPredictions & StrongPredictions; leaves: Map<string, Tensor> } {
  const leaves = new Map<string, Tensor>();
  const leaf = (name: string) => {
    const constant = edge ? ({ pred_s1: 0, pred_fp2: 0.5 } as Record<string, number>)[name] : undefined;
    const t = (constant === undefined ? input(name) : input(name).fill_(constant)).to(dtype).clone();
    t.requiresGrad = true;
    leaves.set(name, t);
    return t;
  };
  const integers = (name: string) => (edge ? input(name).fill_(255) : input(name)).to('int64');
  return {
    leaves,
    predictions: {
      labelled_NKHW: leaf('pred_x'),
      labels_NHW: integers('mask_x'),
      weak_UKHW: leaf('pred_u_w'),
      drop1_UKHW: leaf('pred_fp1'),
      drop2_UKHW: leaf('pred_fp2'),
      strong1_UKHW: leaf('pred_s1'),
      strong2_UKHW: leaf('pred_s2'),
      valid_UHW: integers('ignore').ne(255),
      teacher: {
        weak_UKHW: input('tea_w').to(dtype),
        mix_UKHW: input('tea_mix').to(dtype),
        valid_UHW: integers('ignore').ne(255),
        validMix_UHW: integers('ignore_mix').ne(255),
      },
      boxes1: boxesOf('box1'),
      boxes2: boxesOf('box2'),
    },
  };
}

function checkLosses(name: string, dtype: DType, tolerance: Tolerance): void {
  using _ = scope();
  const { options, warmup = false, edge = false } = settings[name]!;
  const expected = cases[name]!;
  const { predictions: p, leaves } = predictions(dtype, edge);
  const [weak, strong] = [weakLosses(p, options), strongLosses(p, options, warmup)];
  const loss = weak.loss.add(strong.loss);
  const terms: Record<string, Tensor> = { ...weak.terms, ...strong.terms };
  for (const term of ['loss_x', 'loss_s1', 'loss_s2', 'loss_fp1', 'loss_fp2', 'loss_con_img', 'loss_con_feat'])
    expectClose([terms[term]!.item()], [expected[term]!], `${name} ${term}`, tolerance);
  expectClose([loss.item()], [expected.loss!], `${name} loss`, tolerance);
  // shares are float32
  expectClose([terms.mask_ratio!.item()], [expected.mask_ratio!], `${name} mask_ratio`, { relative: 1e-6, absolute: 1e-9 });
  loss.backward();
  for (const [key, value] of leaves) {
    const gradient = value.grad;
    expectClose([gradient ? ops.norm(gradient).item() : 0], [expected.grad_norm[key]!], `${name} gradient of ${key}`, tolerance);
  }
}

describe('losses', () => {
  it('has a setting for every golden case', () => expect(Object.keys(settings).sort()).toEqual(Object.keys(cases).sort()));
  it.each(Object.keys(cases))('%s, float64', (name) => checkLosses(name, 'float64', exact));
  /** Sums of 2 x 33 x 33 terms of float32. */
  it.each(Object.keys(cases))('%s, float32', (name) => checkLosses(name, 'float32', { relative: 2e-5, absolute: 1e-7 }));

  it('ohem.json: every threshold and min kept', () => {
    using _ = scope();
    const table = goldenJson<Record<string, number>>('ohem.json');
    expect(Object.keys(table).length).toBeGreaterThan(0);
    for (const [name, value] of Object.entries(table)) {
      const [, threshold, minKept] = /^thresh=(.*),min_kept=(.*)$/.exec(name)!;
      const loss = ohemCrossEntropy(input('pred_x'), input('mask_x').to('int64'), {
        threshold: Number(threshold),
        minKept: Number(minKept),
      });
      expectClose([loss.item()], [value], name);
    }
  });

  it.each(['float64', 'float32'] as const)('class_aware_mask, %s', (dtype) => {
    using _ = scope();
    const expected = goldenTensors('class_aware_mask.safetensors').get('mask')!;
    const mask = selection('class-aware', { high: 0.92, ratio: 0.96, confidence: 0 })(input('tea_w').to(dtype));
    expect(mask.dtype).toBe('bool');
    const different = [...(mask.toTyped() as Uint8Array)].filter((value, i) => value !== expected.values[i]).length;
    expect(different).toBe(0);
    expect(expected.values.some((v) => v > 0)).toBe(true);
  });
});

interface Trajectory {
  settings: {
    nclass: number;
    crop: number;
    batch: number;
    lr: number;
    lr_multi: number;
    total_iters: number;
    momentum: number;
    weight_decay: number;
    power: number;
    ema: number;
    select_high: number;
    select_ratio: number;
    teacher_scale: number;
  };
  steps: Record<string, number>[];
  after: Record<'student' | 'teacher', Record<string, { norm: number; first: number[] }>>;
}

/** Boxes of gen.py: image 0 a 25 x 31 box, image 1 a 33 x 11 box, at four recipe numbers. */
function trajectoryBoxes(name: string): Int32Array {
  const [a, b, c, d] = [...recipe(name, 4)].map((u) => Math.floor(u * 30)) as [number, number, number, number];
  return Int32Array.of(a, b, 25, 31, c, d, 33, 11);
}

describe('trajectory', () => {
  /** The fourth iteration has passed three updates of 24 million weights: rounding has grown tenfold (SPEC section 10). */
  const tolerances = [exact, exact, exact, { relative: 1e-8, absolute: 1e-11 }];

  it('four iterations with the golden dropout masks, float64', () => {
    const { settings: s, steps, after } = goldenJson<Trajectory>('trajectory.json');
    const network = () => recipeFill(new DeepLabV3Plus({ backbone: 'resnet50', classes: s.nclass }).to('float64'), prefix);
    const student = network().trainable(true);
    const teacher = network();
    noGrad(() => {
      for (const entry of teacher.stateDict().values()) if (entry.dtype === 'float64') entry.mul_(s.teacher_scale);
    });
    const parameters = [...student.namedParameters()];
    const backbone = { parameters: parameters.filter(([name]) => DeepLabV3Plus.isBackbone(name)), learningRate: s.lr };
    const rest = { parameters: parameters.filter(([name]) => !DeepLabV3Plus.isBackbone(name)), learningRate: s.lr * s.lr_multi };
    const optimiser = new Sgd([backbone, rest], { momentum: s.momentum, weightDecay: s.weight_decay });
    const ema = new Ema(student, teacher);
    const method = dssn({ ...published, select: { rule: 'class-aware', high: s.select_high, ratio: s.select_ratio, conf_thresh: 0 } });

    for (const [k, expected] of steps.entries()) {
      using _ = scope();
      const at = `${prefix}it${k}/`;
      const image = (name: string) => recipeTensor(at + name, [s.batch, 3, s.crop, s.crop], -2, 2);
      const labels = (name: string, classes: number) => recipeLabels(at + name, [s.batch, s.crop, s.crop], classes);
      const boxes = { boxes1: trajectoryBoxes(`${at}box1`), boxes2: trajectoryBoxes(`${at}box2`) };
      const unlabelled = (weak: string, one: string, two: string, ignore: string): UnlabelledViews => ({
        weak: image(weak),
        strong1: image(one),
        strong2: image(two),
        valid: labels(ignore, 1).ne(255),
        ...boxes,
      });
      const views: Views = {
        labelled: { images: image('x'), labels: labels('mask_x', s.nclass) },
        unlabelled: unlabelled('u_w', 's1', 's2', 'ignore'),
        mix: unlabelled('mix_w', 'mix_s1', 'mix_s2', 'ignore_mix'),
      };
      const mask = (name: string, channels: number) =>
        recipeTensor(at + name, [2 * s.batch, channels, 1, 1])
          .gt(0)
          .to('float64')
          .mul(2);
      backbone.learningRate = polyRate(s.lr, k, s.total_iters, s.power);
      rest.learningRate = backbone.learningRate * s.lr_multi;
      expectClose([backbone.learningRate], [expected.lr_used!], `iteration ${k} learning rate`);

      const { loss, terms } = method.step(views, {
        student,
        teacher,
        warmup: k === 0,
        batchNorm: 'shared',
        precision: (forward) => forward(),
        learn: (part) => {
          part.backward();
          return part.detach();
        },
        dropout: () => () => {
          throw new Error('the published network has no dropout of its own');
        },
        drop: (n) => ({ low: mask(`drop${n}/low`, 256), high: mask(`drop${n}/high`, 2048) }),
      });
      const tolerance = tolerances[k]!;
      for (const [name, term] of terms) {
        const value = expected[name];
        if (name.startsWith('loss')) expectClose([term.item()], [value!], `iteration ${k} ${name}`, tolerance);
      }
      expectClose([terms.get('mask_ratio')!.item()], [expected.mask_ratio!], `iteration ${k} mask_ratio`, {
        relative: 1e-6,
        absolute: 1e-9,
      });
      expectClose([loss.item()], [expected.loss!], `iteration ${k} loss`, tolerance);
      optimiser.step();
      ema.update(k === 0 ? 0 : s.ema);
    }

    for (const [who, model] of [
      ['student', student],
      ['teacher', teacher],
    ] as const) {
      const state = model.stateDict();
      for (const [name, { norm, first }] of Object.entries(after[who])) {
        using _ = scope();
        const entry = state.get(name)!.to('float64');
        expectClose([ops.norm(entry).item()], [norm], `${who} ${name} norm`, tolerances[3]);
        expectTensorClose(
          entry.flatten().narrow(0, 0, first.length),
          { shape: [first.length], values: Float64Array.from(first) },
          `${who} ${name}`,
          tolerances[3],
        );
      }
    }
  }, 600_000);
});

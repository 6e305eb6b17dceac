/**
 * DSSN (Tian et al., ACM MM 2023; SPEC sections 4 and 5): a teacher labels weak views, class-aware selection keeps its sure
 * pixels, strong views learn from them in image space (two CutMixed views) and in feature space (two perturbed decodes), and
 * the two views of each pair are drawn together pixel by pixel.
 *
 *   loss = 0.5 (loss_x + 0.25 (loss_s1 + loss_s2) + 0.25 (loss_fp1 + loss_fp2) + 0.01 (loss_con_img + loss_con_feat))
 *
 * Legend: N labelled batch, U unlabelled batch, B = N + U, K classes, H W pixels.
 */
import { contrastive, maskedCrossEntropy } from '../losses/index.ts';
import { noGrad, ops, scoped, type Tensor } from '../torch/index.ts';
import { aside, type Batches, keptShare, type Labeller, strongLoss, unlabelledViews } from './consistency.ts';
import { cutMix } from './cutmix.ts';
import type { Method, StepContext, StepResult, Views } from './method.ts';
import { labelledLoss, type MethodOptions, selectionOf } from './options.ts';
import { learnPart, type Part, resultOf } from './parts.ts';

/** What the losses of weak views are computed from; predictions carry gradients, the rest does not. */
export interface WeakPredictions {
  /** Student on labelled weak views, and their labels. */
  readonly labelled_NKHW: Tensor;
  readonly labels_NHW: Tensor;
  /** Student on unlabelled weak views, clean and with features dropped. */
  readonly weak_UKHW: Tensor;
  readonly drop1_UKHW: Tensor;
  readonly drop2_UKHW: Tensor;
  readonly valid_UHW: Tensor;
}

/** What the losses of strong views are computed from. */
export interface StrongPredictions {
  /** Student on the CutMixed strong views. */
  readonly strong1_UKHW: Tensor;
  readonly strong2_UKHW: Tensor;
  /** Teacher on the weak views of the unlabelled and of the mix batch. */
  readonly teacher: Labeller;
  readonly boxes1: Int32Array;
  readonly boxes2: Int32Array;
}

/** 0.5 (loss_x + 0.25 (loss_fp1 + loss_fp2) + 0.01 loss_con_feat) */
export function weakLosses(p: WeakPredictions, options: MethodOptions): Part {
  const { weight_feature, weight_contrastive } = options.loss;
  const loss_x = labelledLoss(options)(p.labelled_NKHW, p.labels_NHW);
  const [labels, keep] = scoped((): [Tensor, Tensor] => {
    const weak_UKHW = p.weak_UKHW.detach();
    return [weak_UKHW.argmax(1), selectionOf(options)(weak_UKHW)];
  });
  const loss_fp1 = maskedCrossEntropy(p.drop1_UKHW, labels, keep, p.valid_UHW);
  const loss_fp2 = maskedCrossEntropy(p.drop2_UKHW, labels, keep, p.valid_UHW);
  const loss_con_feat = contrastive(p.drop1_UKHW, p.drop2_UKHW);
  const sum = loss_x.add(loss_fp1.add(loss_fp2).mul(weight_feature)).add(loss_con_feat.mul(weight_contrastive));
  return { loss: sum.mul(0.5), terms: { loss_x, loss_fp1, loss_fp2, loss_con_feat, mask_ratio: keptShare(keep, p.valid_UHW) } };
}

/** 0.5 (0.25 (loss_s1 + loss_s2) + 0.01 loss_con_img); in the warm-up the last alone. */
export function strongLosses(p: StrongPredictions, options: MethodOptions, warmup: boolean): Part {
  const { weight_strong, weight_contrastive } = options.loss;
  const select = selectionOf(options);
  const one = strongLoss(p.strong1_UKHW, p.teacher, p.boxes1, select);
  const two = strongLoss(p.strong2_UKHW, p.teacher, p.boxes2, select);
  const loss_con_img = contrastive(p.strong1_UKHW, p.strong2_UKHW);
  let sum = loss_con_img.mul(weight_contrastive);
  if (!warmup) sum = sum.add(one.loss.add(two.loss).mul(weight_strong));
  return { loss: sum.mul(0.5), terms: { loss_s1: one.loss, loss_s2: two.loss, loss_con_img, kept_s1: one.kept, kept_s2: two.kept } };
}

/** The terms in the order in which they are logged. */
const names = [
  ...['loss_x', 'loss_s1', 'loss_s2', 'loss_fp1', 'loss_fp2', 'loss_con_img', 'loss_con_feat'],
  ...['kept_s1', 'kept_s2', 'mask_ratio'],
];

function predictWeak({ labelled, unlabelled }: Batches, { student, precision, drop, dropout, batchNorm }: StepContext): WeakPredictions {
  const n = labelled.images.size(0);
  const u = unlabelled.weak.size(0);
  const [clean_BKHW, drop1_BKHW, drop2_BKHW] = precision(() =>
    student.forwardWithDrops(
      ops.cat([labelled.images, unlabelled.weak]),
      true,
      [drop(1, n + u), drop(2, n + u)],
      batchNorm,
      dropout('weak'),
    ),
  ) as [Tensor, Tensor, Tensor];
  return {
    labelled_NKHW: clean_BKHW.narrow(0, 0, n),
    labels_NHW: labelled.labels,
    weak_UKHW: clean_BKHW.narrow(0, n, u),
    drop1_UKHW: drop1_BKHW.narrow(0, n, u),
    drop2_UKHW: drop2_BKHW.narrow(0, n, u),
    valid_UHW: unlabelled.valid,
  };
}

function predictTeacher({ unlabelled, mix }: Batches, { teacher, precision }: StepContext): Labeller {
  const u = unlabelled.weak.size(0);
  // In evaluation mode an image does not see its batch: both batches in one forward pass.
  const teacher_2UKHW = noGrad(() => precision(() => teacher.forward(ops.cat([unlabelled.weak, mix.weak]), false)));
  return {
    weak_UKHW: teacher_2UKHW.narrow(0, 0, u),
    mix_UKHW: teacher_2UKHW.narrow(0, u, u),
    valid_UHW: unlabelled.valid,
    validMix_UHW: mix.valid,
  };
}

function predictStrong(
  { unlabelled, mix }: Batches,
  teacher: Labeller,
  { student, precision, dropout, batchNorm }: StepContext,
): StrongPredictions {
  const u = unlabelled.weak.size(0);
  const { boxes1, boxes2 } = unlabelled;
  const strong1_U3HW = cutMix(unlabelled.strong1, mix.strong1, boxes1);
  const strong2_U3HW = cutMix(unlabelled.strong2, mix.strong2, boxes2);
  const strong_2UKHW = precision(() =>
    aside(batchNorm, () => student.forward(ops.cat([strong1_U3HW, strong2_U3HW]), true, dropout('strong'))),
  );
  return { strong1_UKHW: strong_2UKHW.narrow(0, 0, u), strong2_UKHW: strong_2UKHW.narrow(0, u, u), teacher, boxes1, boxes2 };
}

export function dssn(options: MethodOptions): Method {
  return {
    name: 'dssn',
    usesUnlabelled: true,
    step(views: Views, context: StepContext): StepResult {
      const { learn, warmup } = context;
      const batches = unlabelledViews(views);
      const weak = learnPart(learn, () => weakLosses(predictWeak(batches, context), options));
      const teacher = predictTeacher(batches, context);
      const strong = learnPart(learn, () => strongLosses(predictStrong(batches, teacher, context), options, warmup));
      const { weak_UKHW, valid_UHW } = teacher;
      return {
        ...resultOf([weak, strong], names),
        pseudoLabels: () => ({ labels: weak_UKHW.argmax(1), keep: selectionOf(options)(weak_UKHW).and(valid_UHW) }),
      };
    },
  };
}

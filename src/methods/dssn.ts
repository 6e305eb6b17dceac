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
import { noGrad, ops, type Tensor } from '../torch/index.ts';
import { aside, keptShare, strongLoss, unlabelledViews } from './consistency.ts';
import { cutMix } from './cutmix.ts';
import type { Method, StepContext, StepResult, UnlabelledViews, Views } from './method.ts';
import { labelledLoss, type MethodOptions, selectionOf } from './options.ts';

/** Everything that the losses are computed from; predictions carry gradients, the rest does not. */
export interface Predictions {
  /** Student on labelled weak views, and their labels. */
  readonly labelled_NKHW: Tensor;
  readonly labels_NHW: Tensor;
  /** Student on unlabelled weak views, clean and with features dropped. */
  readonly weak_UKHW: Tensor;
  readonly drop1_UKHW: Tensor;
  readonly drop2_UKHW: Tensor;
  /** Student on the CutMixed strong views. */
  readonly strong1_UKHW: Tensor;
  readonly strong2_UKHW: Tensor;
  /** Teacher on the weak views of the unlabelled and of the mix batch. */
  readonly teacher_UKHW: Tensor;
  readonly teacherMix_UKHW: Tensor;
  readonly valid_UHW: Tensor;
  readonly validMix_UHW: Tensor;
  readonly boxes1: Int32Array;
  readonly boxes2: Int32Array;
}

/** All terms of the loss by name, and their weighted sum. */
export function dssnLosses(p: Predictions, options: MethodOptions, warmup: boolean): StepResult {
  const { weight_strong, weight_feature, weight_contrastive } = options.loss;
  const select = selectionOf(options);

  const lossX = labelledLoss(options)(p.labelled_NKHW, p.labels_NHW);
  const labeller = { weak_UKHW: p.teacher_UKHW, mix_UKHW: p.teacherMix_UKHW, valid_UHW: p.valid_UHW, validMix_UHW: p.validMix_UHW };
  const strong1 = strongLoss(p.strong1_UKHW, labeller, p.boxes1, select);
  const strong2 = strongLoss(p.strong2_UKHW, labeller, p.boxes2, select);
  const weak_UKHW = p.weak_UKHW.detach();
  const labels = weak_UKHW.argmax(1);
  const keep = select(weak_UKHW);
  const lossFp1 = maskedCrossEntropy(p.drop1_UKHW, labels, keep, p.valid_UHW);
  const lossFp2 = maskedCrossEntropy(p.drop2_UKHW, labels, keep, p.valid_UHW);
  const lossConImg = contrastive(p.strong1_UKHW, p.strong2_UKHW);
  const lossConFeat = contrastive(p.drop1_UKHW, p.drop2_UKHW);

  let sum = lossX.add(lossFp1.add(lossFp2).mul(weight_feature)).add(lossConImg.add(lossConFeat).mul(weight_contrastive));
  if (!warmup) sum = sum.add(strong1.loss.add(strong2.loss).mul(weight_strong));
  return {
    loss: sum.mul(0.5),
    terms: new Map([
      ['loss_x', lossX],
      ['loss_s1', strong1.loss],
      ['loss_s2', strong2.loss],
      ['loss_fp1', lossFp1],
      ['loss_fp2', lossFp2],
      ['loss_con_img', lossConImg],
      ['loss_con_feat', lossConFeat],
      ['kept_s1', strong1.kept],
      ['kept_s2', strong2.kept],
      ['mask_ratio', keptShare(keep, p.valid_UHW)],
    ]),
    pseudoLabels: () => ({ labels: p.teacher_UKHW.argmax(1), keep: select(p.teacher_UKHW).and(p.valid_UHW) }),
  };
}

function predict(labelled: Views['labelled'], unlabelled: UnlabelledViews, mix: UnlabelledViews, context: StepContext): Predictions {
  const { student, teacher, precision, drop, dropout, batchNorm } = context;
  const n = labelled.images.size(0);
  const u = unlabelled.weak.size(0);
  // In evaluation mode an image does not see its batch: both batches in one forward pass.
  const teacher_2UKHW = noGrad(() => precision(() => teacher.forward(ops.cat([unlabelled.weak, mix.weak]), false)));
  const [clean_BKHW, drop1_BKHW, drop2_BKHW] = precision(() =>
    student.forwardWithDrops(
      ops.cat([labelled.images, unlabelled.weak]),
      true,
      [drop(1, n + u), drop(2, n + u)],
      batchNorm,
      dropout('weak'),
    ),
  ) as [Tensor, Tensor, Tensor];
  const strong1_U3HW = cutMix(unlabelled.strong1, mix.strong1, unlabelled.boxes1);
  const strong2_U3HW = cutMix(unlabelled.strong2, mix.strong2, unlabelled.boxes2);
  const strong_2UKHW = precision(() =>
    aside(batchNorm, () => student.forward(ops.cat([strong1_U3HW, strong2_U3HW]), true, dropout('strong'))),
  );
  return {
    labelled_NKHW: clean_BKHW.narrow(0, 0, n),
    labels_NHW: labelled.labels,
    weak_UKHW: clean_BKHW.narrow(0, n, u),
    drop1_UKHW: drop1_BKHW.narrow(0, n, u),
    drop2_UKHW: drop2_BKHW.narrow(0, n, u),
    strong1_UKHW: strong_2UKHW.narrow(0, 0, u),
    strong2_UKHW: strong_2UKHW.narrow(0, u, u),
    teacher_UKHW: teacher_2UKHW.narrow(0, 0, u),
    teacherMix_UKHW: teacher_2UKHW.narrow(0, u, u),
    valid_UHW: unlabelled.valid,
    validMix_UHW: mix.valid,
    boxes1: unlabelled.boxes1,
    boxes2: unlabelled.boxes2,
  };
}

export function dssn(options: MethodOptions): Method {
  return {
    name: 'dssn',
    usesUnlabelled: true,
    step(views: Views, context: StepContext): StepResult {
      const { labelled, unlabelled, mix } = unlabelledViews(views);
      return dssnLosses(predict(labelled, unlabelled, mix, context), options, context.warmup);
    },
  };
}

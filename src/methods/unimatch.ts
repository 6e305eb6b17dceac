/**
 * UniMatch (Yang et al., CVPR 2023; SPEC section 8): as FixMatch with two strong views, and the student's prediction from
 * features of which whole channels were dropped learns from the same labels.
 *
 *   loss = 0.5 (loss_x + weight_strong (loss_s1 + loss_s2) + weight_feature loss_fp1), weights 0.25 and 0.5
 *
 * Legend: N labelled batch, U unlabelled batch, B = N + U, K classes, H W pixels.
 */
import { maskedCrossEntropy } from '../losses/index.ts';
import { noGrad, ops, type Tensor } from '../torch/index.ts';
import { aside, keptShare, strongLoss, unlabelledViews } from './consistency.ts';
import { cutMix } from './cutmix.ts';
import type { Method, StepContext, StepResult, Views } from './method.ts';
import { labelledLoss, type MethodOptions, selectionOf } from './options.ts';
import { learnPart, resultOf } from './parts.ts';

export function unimatch(options: MethodOptions): Method {
  const criterion = labelledLoss(options);
  const select = selectionOf(options);
  const { weight_strong, weight_feature } = options.loss;
  return {
    name: 'unimatch',
    usesUnlabelled: true,
    step(views: Views, { student, precision, dropout, batchNorm, drop, learn }: StepContext): StepResult {
      const { labelled, unlabelled, mix } = unlabelledViews(views);
      const { valid, boxes1, boxes2 } = unlabelled;
      const n = labelled.images.size(0);
      const u = unlabelled.weak.size(0);
      const mix_UKHW = noGrad(() => precision(() => student.forward(mix.weak, false)));
      const weak = learnPart(learn, () => {
        const [clean_BKHW, drop_BKHW] = precision(() =>
          student.forwardWithDrops(ops.cat([labelled.images, unlabelled.weak]), true, [drop(1, n + u)], batchNorm, dropout('weak')),
        ) as [Tensor, Tensor];
        // A copy: a view would hold the memory of all predictions.
        const weak_UKHW = clean_BKHW.narrow(0, n, u).detach().clone();
        const keep_UHW = select(weak_UKHW);
        const loss_x = criterion(clean_BKHW.narrow(0, 0, n), labelled.labels);
        const loss_fp1 = maskedCrossEntropy(drop_BKHW.narrow(0, n, u), weak_UKHW.argmax(1), keep_UHW, valid);
        const loss = loss_x.add(loss_fp1.mul(weight_feature)).mul(0.5);
        return { loss, terms: { loss_x, loss_fp1, mask_ratio: keptShare(keep_UHW, valid) }, kept: [weak_UKHW, keep_UHW] };
      });
      const [weak_UKHW, keep_UHW] = weak.kept as [Tensor, Tensor];
      const labeller = { weak_UKHW, mix_UKHW, valid_UHW: valid, validMix_UHW: mix.valid };
      const strong = learnPart(learn, () => {
        const strong1_U3HW = cutMix(unlabelled.strong1, mix.strong1, boxes1);
        const strong2_U3HW = cutMix(unlabelled.strong2, mix.strong2, boxes2);
        const strong_2UKHW = precision(() =>
          aside(batchNorm, () => student.forward(ops.cat([strong1_U3HW, strong2_U3HW]), true, dropout('strong'))),
        );
        const one = strongLoss(strong_2UKHW.narrow(0, 0, u), labeller, boxes1, select);
        const two = strongLoss(strong_2UKHW.narrow(0, u, u), labeller, boxes2, select);
        const loss = one.loss.add(two.loss).mul(weight_strong).mul(0.5);
        return { loss, terms: { loss_s1: one.loss, loss_s2: two.loss, kept_s1: one.kept, kept_s2: two.kept } };
      });
      return {
        ...resultOf([weak, strong], ['loss_x', 'loss_s1', 'loss_s2', 'loss_fp1', 'kept_s1', 'kept_s2', 'mask_ratio']),
        pseudoLabels: () => ({ labels: weak_UKHW.argmax(1), keep: keep_UHW.and(valid) }),
      };
    },
  };
}

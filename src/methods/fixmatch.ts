/**
 * FixMatch (Sohn et al., NeurIPS 2020) for segmentation, as UniMatch's code has it (SPEC section 8): the student labels weak
 * views itself and learns one CutMixed strong view from the pixels it is sure of.
 *
 *   loss = 0.5 (loss_x + weight_strong loss_s1), weight_strong 1
 *
 * Legend: N labelled batch, U unlabelled batch, B = N + U, K classes, H W pixels.
 */
import { noGrad, ops, type Tensor } from '../torch/index.ts';
import { aside, keptShare, strongLoss, unlabelledViews } from './consistency.ts';
import { cutMix } from './cutmix.ts';
import type { Method, StepContext, StepResult, Views } from './method.ts';
import { labelledLoss, type MethodOptions, selectionOf } from './options.ts';
import { learnPart, resultOf } from './parts.ts';

export function fixmatch(options: MethodOptions): Method {
  const criterion = labelledLoss(options);
  const select = selectionOf(options);
  return {
    name: 'fixmatch',
    usesUnlabelled: true,
    step(views: Views, { student, precision, dropout, batchNorm, learn }: StepContext): StepResult {
      const { labelled, unlabelled, mix } = unlabelledViews(views);
      const n = labelled.images.size(0);
      const u = unlabelled.weak.size(0);
      const mix_UKHW = noGrad(() => precision(() => student.forward(mix.weak, false)));
      const weak = learnPart(learn, () => {
        const clean_BKHW = precision(() => student.forward(ops.cat([labelled.images, unlabelled.weak]), true, dropout('weak')));
        // A copy: a view would hold the memory of all predictions.
        const weak_UKHW = clean_BKHW.narrow(0, n, u).detach().clone();
        const loss_x = criterion(clean_BKHW.narrow(0, 0, n), labelled.labels);
        const keep_UHW = select(weak_UKHW);
        return {
          loss: loss_x.mul(0.5),
          terms: { loss_x, mask_ratio: keptShare(keep_UHW, unlabelled.valid) },
          kept: [weak_UKHW, keep_UHW],
        };
      });
      const [weak_UKHW, keep_UHW] = weak.kept as [Tensor, Tensor];
      const labeller = { weak_UKHW, mix_UKHW, valid_UHW: unlabelled.valid, validMix_UHW: mix.valid };
      const strong = learnPart(learn, () => {
        const strong_U3HW = cutMix(unlabelled.strong1, mix.strong1, unlabelled.boxes1);
        const strong_UKHW = precision(() => aside(batchNorm, () => student.forward(strong_U3HW, true, dropout('strong'))));
        const { loss: loss_s1, kept: kept_s1 } = strongLoss(strong_UKHW, labeller, unlabelled.boxes1, select);
        return { loss: loss_s1.mul(options.loss.weight_strong).mul(0.5), terms: { loss_s1, kept_s1 } };
      });
      return {
        ...resultOf([weak, strong], ['loss_x', 'loss_s1', 'kept_s1', 'mask_ratio']),
        pseudoLabels: () => ({ labels: weak_UKHW.argmax(1), keep: keep_UHW.and(unlabelled.valid) }),
      };
    },
  };
}

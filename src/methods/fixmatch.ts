/**
 * FixMatch (Sohn et al., NeurIPS 2020) for segmentation, as UniMatch's code has it (SPEC section 8): the student labels weak
 * views itself and learns one CutMixed strong view from the pixels it is sure of.
 *
 *   loss = 0.5 (loss_x + weight_strong loss_s1), weight_strong 1
 *
 * Legend: N labelled batch, U unlabelled batch, B = N + U, K classes, H W pixels.
 */
import { noGrad, ops } from '../torch/index.ts';
import { aside, keptShare, strongLoss, unlabelledViews } from './consistency.ts';
import { cutMix } from './cutmix.ts';
import type { Method, StepContext, StepResult, Views } from './method.ts';
import { labelledLoss, type MethodOptions, selectionOf } from './options.ts';

export function fixmatch(options: MethodOptions): Method {
  const criterion = labelledLoss(options);
  const select = selectionOf(options);
  return {
    name: 'fixmatch',
    usesUnlabelled: true,
    step(views: Views, { student, precision, dropout, batchNorm }: StepContext): StepResult {
      const { labelled, unlabelled, mix } = unlabelledViews(views);
      const n = labelled.images.size(0);
      const u = unlabelled.weak.size(0);
      const mix_UKHW = noGrad(() => precision(() => student.forward(mix.weak, false)));
      const clean_BKHW = precision(() => student.forward(ops.cat([labelled.images, unlabelled.weak]), true, dropout('weak')));
      const strong_U3HW = cutMix(unlabelled.strong1, mix.strong1, unlabelled.boxes1);
      const strong_UKHW = precision(() => aside(batchNorm, () => student.forward(strong_U3HW, true, dropout('strong'))));

      const weak_UKHW = clean_BKHW.narrow(0, n, u).detach();
      const labeller = { weak_UKHW, mix_UKHW, valid_UHW: unlabelled.valid, validMix_UHW: mix.valid };
      const lossX = criterion(clean_BKHW.narrow(0, 0, n), labelled.labels);
      const strong = strongLoss(strong_UKHW, labeller, unlabelled.boxes1, select);
      return {
        loss: lossX.add(strong.loss.mul(options.loss.weight_strong)).mul(0.5),
        terms: new Map([
          ['loss_x', lossX],
          ['loss_s1', strong.loss],
          ['kept_s1', strong.kept],
          ['mask_ratio', keptShare(select(weak_UKHW), unlabelled.valid)],
        ]),
        pseudoLabels: () => ({ labels: weak_UKHW.argmax(1), keep: select(weak_UKHW).and(unlabelled.valid) }),
      };
    },
  };
}

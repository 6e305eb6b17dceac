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

export function unimatch(options: MethodOptions): Method {
  const criterion = labelledLoss(options);
  const select = selectionOf(options);
  const { weight_strong, weight_feature } = options.loss;
  return {
    name: 'unimatch',
    usesUnlabelled: true,
    step(views: Views, { student, precision, dropout, batchNorm, drop }: StepContext): StepResult {
      const { labelled, unlabelled, mix } = unlabelledViews(views);
      const n = labelled.images.size(0);
      const u = unlabelled.weak.size(0);
      const mix_UKHW = noGrad(() => precision(() => student.forward(mix.weak, false)));
      const [clean_BKHW, drop_BKHW] = precision(() =>
        student.forwardWithDrops(ops.cat([labelled.images, unlabelled.weak]), true, [drop(1, n + u)], batchNorm, dropout('weak')),
      ) as [Tensor, Tensor];
      const strong1_U3HW = cutMix(unlabelled.strong1, mix.strong1, unlabelled.boxes1);
      const strong2_U3HW = cutMix(unlabelled.strong2, mix.strong2, unlabelled.boxes2);
      const strong_2UKHW = precision(() =>
        aside(batchNorm, () => student.forward(ops.cat([strong1_U3HW, strong2_U3HW]), true, dropout('strong'))),
      );

      const weak_UKHW = clean_BKHW.narrow(0, n, u).detach();
      const keep_UHW = select(weak_UKHW);
      const labeller = { weak_UKHW, mix_UKHW, valid_UHW: unlabelled.valid, validMix_UHW: mix.valid };
      const lossX = criterion(clean_BKHW.narrow(0, 0, n), labelled.labels);
      const strong1 = strongLoss(strong_2UKHW.narrow(0, 0, u), labeller, unlabelled.boxes1, select);
      const strong2 = strongLoss(strong_2UKHW.narrow(0, u, u), labeller, unlabelled.boxes2, select);
      const lossFp = maskedCrossEntropy(drop_BKHW.narrow(0, n, u), weak_UKHW.argmax(1), keep_UHW, unlabelled.valid);
      const loss = lossX.add(strong1.loss.add(strong2.loss).mul(weight_strong)).add(lossFp.mul(weight_feature));
      return {
        loss: loss.mul(0.5),
        terms: new Map([
          ['loss_x', lossX],
          ['loss_s1', strong1.loss],
          ['loss_s2', strong2.loss],
          ['loss_fp1', lossFp],
          ['kept_s1', strong1.kept],
          ['kept_s2', strong2.kept],
          ['mask_ratio', keptShare(keep_UHW, unlabelled.valid)],
        ]),
        pseudoLabels: () => ({ labels: weak_UKHW.argmax(1), keep: keep_UHW.and(unlabelled.valid) }),
      };
    },
  };
}

/**
 * Cross entropies over pixels (SPEC section 5). Every mean over no pixel is 0, never NaN.
 * Legend: N images, K classes, H W pixels. Labels are int64 [N, H, W]; 255 means "ignore".
 */
import { ops, type Tensor } from '../torch/index.ts';

export const ignoreLabel = 255;

/** The engine's codes for how a loss is reduced. */
const reduction = { none: 0, sum: 2 } as const;

/** sum of values / number of counted pixels, 0 where none is counted. */
function meanOver(sum: Tensor, counted_NHW: Tensor): Tensor {
  return sum.div(ops.clampMin(counted_NHW.sum(), 1));
}

/** Mean cross entropy over labelled pixels: `loss_x`. */
export function meanCrossEntropy(logits_NKHW: Tensor, labels_NHW: Tensor): Tensor {
  const sum = ops.nllLoss(ops.logSoftmax(logits_NKHW, 1), labels_NHW, null, reduction.sum, ignoreLabel);
  return meanOver(sum, labels_NHW.ne(ignoreLabel));
}

/**
 * sum(CE x keep x valid) / count(valid): the loss on pseudo-labels.
 * @param keep_NHW bool, the pixels whose pseudo-label is trusted.
 * @param valid_NHW bool, the pixels that are not padding.
 */
export function maskedCrossEntropy(logits_NKHW: Tensor, labels_NHW: Tensor, keep_NHW: Tensor, valid_NHW: Tensor): Tensor {
  const trained_NHW = ops.maskedFill(labels_NHW, keep_NHW.and(valid_NHW).not(), ignoreLabel);
  const sum = ops.nllLoss(ops.logSoftmax(logits_NKHW, 1), trained_NHW, null, reduction.sum, ignoreLabel);
  return meanOver(sum, valid_NHW);
}

export interface OhemOptions {
  /** Pixels whose true class has a larger probability are left out ... */
  readonly threshold: number;
  /** ... but at least this many pixels are kept; in a batch with fewer labelled pixels nothing is left out. */
  readonly minKept: number;
}

/** Cross entropy with online hard example mining: `loss_x` on Cityscapes. */
export function ohemCrossEntropy(logits_NKHW: Tensor, labels_NHW: Tensor, { threshold, minKept }: OhemOptions): Tensor {
  const valid_NHW = labels_NHW.ne(ignoreLabel);
  const count = valid_NHW.sum().item();
  if (count < minKept || count === 0 || minKept === 0) return meanCrossEntropy(logits_NKHW, labels_NHW);
  const invalid_NHW = valid_NHW.not();
  const classes_N1HW = ops.maskedFill(labels_NHW, invalid_NHW, 0).unsqueeze(1);
  const ofTrueClass_NHW = ops.maskedFill(ops.gather(logits_NKHW.detach().softmax(1), 1, classes_N1HW).select(1, 0), invalid_NHW, 1);
  const [smallest] = ops.kthvalue(ofTrueClass_NHW.flatten(), Math.min(minKept, ofTrueClass_NHW.count));
  const kept_NHW = valid_NHW.and(ops.leScalar(ofTrueClass_NHW, Math.max(threshold, smallest.item())));
  return meanCrossEntropy(logits_NKHW, ops.maskedFill(labels_NHW, kept_NHW.not(), ignoreLabel));
}

/**
 * Pixel-wise contrastive loss (paper section 3.3, SPEC section 5): positive pairs are the same pixel of two views; their
 * logits, standardised over the classes, are drawn together. Gradients flow through both.
 * Legend: N images, K classes, H W pixels.
 */
import { ops, scoped, type Tensor } from '../torch/index.ts';

/** Relative spread of logits below which they are equal but for rounding: K additions of the dtype. */
const roundingUnit: Readonly<Record<string, number>> = { float64: 2 ** -52, float32: 2 ** -23 };

/**
 * Standardises over classes at each pixel: (logit - mean) / sample standard deviation; a pixel whose logits are all equal
 * gives zeros and gets no gradient.
 */
export function standardise(logits_NKHW: Tensor): Tensor {
  const classes = logits_NKHW.size(1);
  return scoped(() => {
    const mean_N1HW = logits_NKHW.mean(1, true);
    const centred_NKHW = logits_NKHW.sub(mean_N1HW);
    const variance_N1HW = ops
      .square(centred_NKHW)
      .sum(1, true)
      .div(Math.max(1, classes - 1));
    const noise = classes * (roundingUnit[logits_NKHW.dtype] ?? 2 ** -8);
    const flat_N1HW = ops.le(variance_N1HW.detach(), ops.square(mean_N1HW.detach()).mul(noise ** 2));
    const deviation_N1HW = ops.sqrt(ops.maskedFill(variance_N1HW, flat_N1HW, 1));
    return ops.maskedFill(centred_NKHW.div(deviation_N1HW), flat_N1HW, 0);
  });
}

/** Mean squared error of the standardised logits of two views. */
export function contrastive(first_NKHW: Tensor, second_NKHW: Tensor): Tensor {
  return ops.mseLoss(standardise(first_NKHW), standardise(second_NKHW));
}

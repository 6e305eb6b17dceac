/** ST++'s reliability of an image (Yang et al., CVPR 2022, section 3.3; SPEC section 8b). */
import { mean } from '../base/statistics.ts';
import { ConfusionMatrix } from './confusion.ts';

/**
 * How little an image's labels changed while a network learnt: the mean, over earlier checkpoints, of the mIoU of their labels
 * against the last one's, classes absent from both left out. 0 to 1.
 * @param early labels of the earlier checkpoints, each as long as `last`, values 0 to classes - 1.
 */
export function reliability(early: readonly Uint8Array[], last: Uint8Array, classes: number): number {
  const agreements = early.map((labels) => {
    const matrix = new ConfusionMatrix(classes);
    matrix.add(labels, last);
    return agreementOf(matrix);
  });
  return mean(agreements);
}

/**
 * Mean IoU, 0 to 1, over the classes present. Without the 1e-10 of evaluation's IoU: images on which the labels agree wholly have
 * exactly 1, whatever their size, so that their ties are ties.
 */
function agreementOf(matrix: ConfusionMatrix): number {
  const { classes, counts } = matrix;
  const present = Array.from({ length: classes }, (_, c) => c).filter((c) => matrix.union(c) > 0);
  return mean(present.map((c) => counts[c * classes + c]! / matrix.union(c)));
}

/** Indices of the images, the most reliable first; ties stay in the list's order. */
export function byReliability(values: readonly number[]): number[] {
  return values.map((_, index) => index).sort((a, b) => values[b]! - values[a]! || a - b);
}

/**
 * What the methods that learn from strong views share (SPEC sections 4 and 5): pseudo-labels CutMixed as the view was, selected
 * after mixing, and the loss against them.
 * Legend: U unlabelled batch, K classes, H W pixels.
 */
import { invariant } from '../base/assert.ts';
import { maskedCrossEntropy } from '../losses/index.ts';
import { untracked } from '../nn/index.ts';
import { ops, type Synchronous, scoped, type Tensor } from '../torch/index.ts';
import { cutMix } from './cutmix.ts';
import type { LabelledViews, StepContext, UnlabelledViews, Views } from './method.ts';
import type { Selection } from './selection.ts';

/** Logits that label the weak views of the unlabelled and of the mix batch, without gradients, and where both show an image. */
export interface Labeller {
  readonly weak_UKHW: Tensor;
  readonly mix_UKHW: Tensor;
  readonly valid_UHW: Tensor;
  readonly validMix_UHW: Tensor;
}

/** Share of valid pixels that are kept: a scalar. */
export function keptShare(keep_UHW: Tensor, valid_UHW: Tensor): Tensor {
  return keep_UHW.and(valid_UHW).sum().to('float32').div(ops.clampMin(valid_UHW.sum(), 1));
}

/** The loss of one strong view, CutMixed by `boxes`, against labels mixed likewise; and the share of them that counted. */
export function strongLoss(strong_UKHW: Tensor, labeller: Labeller, boxes: Int32Array, select: Selection): { loss: Tensor; kept: Tensor } {
  // Thresholds are per image and class, of the image that CutMix made: select after mixing.
  const [labels_UHW, keep_UHW] = scoped((): [Tensor, Tensor] => {
    const mixed_UKHW = cutMix(labeller.weak_UKHW, labeller.mix_UKHW, boxes);
    return [mixed_UKHW.argmax(1), select(mixed_UKHW)];
  });
  const valid_UHW = cutMix(labeller.valid_UHW, labeller.validMix_UHW, boxes);
  const loss = maskedCrossEntropy(strong_UKHW, labels_UHW, keep_UHW, valid_UHW);
  return { loss, kept: keptShare(keep_UHW, valid_UHW) };
}

/** A pass of strong views or perturbed features: it leaves no trace in batch norm's statistics where the configuration says so. */
export function aside<T>(rule: StepContext['batchNorm'], forward: () => Synchronous<T>): T {
  return rule === 'separate' ? untracked(forward) : forward();
}

/** The three batches of such a method. */
export interface Batches {
  readonly labelled: LabelledViews;
  readonly unlabelled: UnlabelledViews;
  readonly mix: UnlabelledViews;
}

/** The two batches that a method needs beside the labelled one. */
export function unlabelledViews({ labelled, unlabelled, mix }: Views): Batches {
  invariant(unlabelled !== undefined && mix !== undefined, 'an unlabelled and a mix batch');
  return { labelled, unlabelled, mix };
}

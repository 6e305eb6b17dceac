/** What of the configuration methods read, by the configuration's names. */
import { meanCrossEntropy, ohemCrossEntropy } from '../losses/index.ts';
import type { Tensor } from '../torch/index.ts';
import { type Selection, selection } from './selection.ts';

export interface MethodOptions {
  readonly loss: {
    readonly labelled: 'ce' | 'ohem';
    readonly ohem_threshold: number;
    readonly ohem_min_kept_per_image: number;
    readonly weight_strong: number;
    readonly weight_feature: number;
    readonly weight_contrastive: number;
  };
  readonly select: { readonly rule: string; readonly high: number; readonly ratio: number; readonly conf_thresh: number };
}

/** The loss on labelled images: logits [N, K, H, W], labels [N, H, W] -> scalar. */
export function labelledLoss({ loss }: Pick<MethodOptions, 'loss'>): (logits: Tensor, labels: Tensor) => Tensor {
  if (loss.labelled === 'ce') return meanCrossEntropy;
  const { ohem_threshold: threshold, ohem_min_kept_per_image: perImage } = loss;
  return (logits, labels) => ohemCrossEntropy(logits, labels, { threshold, minKept: Math.round(perImage * logits.size(0)) });
}

/** The rule by which pseudo-labels are kept. */
export function selectionOf({ select }: Pick<MethodOptions, 'select'>): Selection {
  return selection(select.rule, { high: select.high, ratio: select.ratio, confidence: select.conf_thresh });
}

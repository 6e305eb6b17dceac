/**
 * Which pseudo-labels are kept (SPEC section 4).
 * Legend: N images, K classes, H W pixels.
 */
import { ConfigError } from '../base/errors.ts';
import { nearest } from '../base/suggest.ts';
import { ops, type Tensor } from '../torch/index.ts';

export interface SelectionOptions {
  /** A class whose best probability in the image exceeds this ... */
  readonly high: number;
  /** ... keeps the pixels above this share of it. */
  readonly ratio: number;
  /** Probability from which `fixed` keeps a pixel. */
  readonly confidence: number;
}

/** Logits [N, K, H, W] -> bool [N, H, W]: true where the pseudo-label is trusted. */
export type Selection = (logits_NKHW: Tensor) => Tensor;

/**
 * Class-aware selection, DSSN's own (paper section 3.4): per image and class, m = the best probability of any pixel. Threshold
 * ratio x m where m > high, else m itself, which no pixel exceeds: a class that is nowhere sure selects nothing.
 */
function classAware({ high, ratio }: SelectionOptions): Selection {
  return (logits_NKHW) => {
    const probability_NKHW = logits_NKHW.softmax(1);
    const best_NK11 = ops.amax(probability_NKHW, [2, 3], true);
    const threshold_NK11 = ops.where(best_NK11.gt(high), best_NK11.mul(ratio), best_NK11);
    return ops.anyAlong(probability_NKHW.gt(threshold_NK11), 1);
  };
}

/** Kept from a fixed probability of the best class on (FixMatch, UniMatch, Cityscapes). */
function fixed({ confidence }: SelectionOptions): Selection {
  return (logits_NKHW) => ops.amax(logits_NKHW.softmax(1), 1).ge(confidence);
}

/** Every pseudo-label is kept. */
function none(): Selection {
  return (logits_NKHW) =>
    ops.full([logits_NKHW.size(0), logits_NKHW.size(2), logits_NKHW.size(3)], 1, { dtype: 'bool', device: logits_NKHW.device });
}

const rules = { 'class-aware': classAware, fixed, none } as const;
export type SelectionRule = keyof typeof rules;
export const selectionRules = Object.keys(rules) as SelectionRule[];

/** @throws ConfigError for an unknown rule. */
export function selection(rule: string, options: SelectionOptions): Selection {
  if (!Object.hasOwn(rules, rule)) {
    const meant = nearest(rule, selectionRules);
    throw new ConfigError(
      `select.rule: unknown rule '${rule}'${meant ? `, did you mean '${meant}'?` : ''} (allowed: ${selectionRules.join(', ')})`,
    );
  }
  return rules[rule as SelectionRule](options);
}

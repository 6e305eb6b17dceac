/** A loss in parts, each learnt from before the next is computed: a step needs the memory of its largest part alone. */
import { scope, type Tensor } from '../torch/index.ts';
import type { StepContext, StepResult } from './method.ts';

/** A part of the loss and its terms, as graphs, and tensors without one that are needed after it. */
export interface Part {
  readonly loss: Tensor;
  readonly terms: Readonly<Record<string, Tensor>>;
  readonly kept?: readonly Tensor[];
}

/** Computes a part of the loss and learns from it: first all goes that its gradients do not need, then its graph. */
export function learnPart(learn: StepContext['learn'], compute: () => Part): Part {
  const part = ((): Part => {
    using s = scope();
    const made = compute();
    s.keep([made.loss, ...Object.values(made.terms), ...(made.kept ?? [])]);
    return made;
  })();
  const loss = learn(part.loss);
  const terms = Object.entries(part.terms).map(([name, term]) => [name, term.detach()] as const);
  return { ...part, loss, terms: Object.fromEntries(terms) };
}

/** A step's result from its parts, with the terms of all of them in this order. */
export function resultOf(parts: readonly Part[], names: readonly string[]): Pick<StepResult, 'loss' | 'terms'> {
  const terms = Object.assign({}, ...parts.map((part) => part.terms)) as Record<string, Tensor>;
  return {
    loss: parts.map(({ loss }) => loss).reduce((sum, loss) => sum.add(loss)),
    terms: new Map(names.map((name) => [name, terms[name]!])),
  };
}

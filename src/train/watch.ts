/**
 * Watches the pseudo-labels of a run for two ways of going wrong: that all are of one class, and that a class is never kept, so
 * that nothing is learnt of it from unlabelled images. It knows what the events say and no more, so that a run that goes on
 * takes up its watch by reading them.
 */
import type { RunEvent, TrainEvent } from '../runs/events.ts';

/** Batches looked at before anything is said, and over which shares are averaged. */
const few = 20;
/** From this share of one class on, pseudo-labels have collapsed ... */
export const collapsed = 0.999;
/** ... and below this one they have recovered. */
const recovered = 0.99;

type Shares = NonNullable<TrainEvent['pseudo_by_class']>;

export class PseudoLabelWatch {
  readonly #classes: readonly string[];
  #recent: Shares[] = [];
  #isCollapsed = false;
  /** Batches since the evaluation at which enough had been seen, and the classes of which one kept a pixel. */
  #batches = 0;
  #kept = new Set<string>();
  #told = '';

  constructor(classes: readonly string[]) {
    this.#classes = classes;
  }

  /** @returns what there is to warn of, if anything. */
  see(event: RunEvent): string | undefined {
    if (event.type === 'train' && event.pseudo_by_class && event.kept_by_class)
      return this.#seeShares(event.pseudo_by_class, event.kept_by_class);
    return event.type === 'eval' ? this.#seeEvaluation() : undefined;
  }

  #seeShares(shares: Shares, kept: Shares): string | undefined {
    this.#batches++;
    for (const [name, share] of Object.entries(kept)) if (share > 0) this.#kept.add(name);
    this.#recent = [...this.#recent.slice(1 - few), shares];
    if (this.#recent.length < few) return undefined;
    const means = this.#classes.map((name) => [name, this.#recent.reduce((sum, share) => sum + (share[name] ?? 0), 0) / few] as const);
    const [name, mean] = means.reduce((most, next) => (next[1] > most[1] ? next : most));
    if (mean < recovered) this.#isCollapsed = false;
    if (mean < collapsed || this.#isCollapsed) return undefined;
    this.#isCollapsed = true;
    return `pseudo-labels have collapsed: ${(100 * mean).toFixed(1)} % of the pixels of the last ${few} batches looked at are labelled ${name}; a longer train.burn_in, a lower train.lr, or more labelled images of the other classes may help`;
  }

  #seeEvaluation(): string | undefined {
    const batches = this.#batches;
    if (batches < few) return undefined;
    const never = this.#classes.filter((name) => !this.#kept.has(name));
    this.#batches = 0;
    this.#kept = new Set();
    const told = never.join(', ');
    const isNews = told !== this.#told;
    this.#told = told;
    if (never.length === 0 || !isNews) return undefined;
    return `no pseudo-label of ${told} was kept in the last ${batches} batches looked at: unlabelled images teach nothing about ${never.length === 1 ? 'it' : 'them'} yet`;
  }
}

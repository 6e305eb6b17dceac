/** The batches of a run in stages, each with a loader of its own: a burn-in on labelled images, then the method's batches. */
import { type TrainBatch, TrainLoader, type TrainLoaderOptions } from '../data/loader/index.ts';

/** `iterations`: where the stage ends, counted from the start of the run. */
export type Stage = Omit<TrainLoaderOptions, 'startIteration'>;

export class StagedLoader {
  readonly #stages: Stage[];
  #iteration: number;
  #loader: TrainLoader | undefined;

  /** @param start the first iteration to give. */
  constructor(stages: readonly Stage[], start: number) {
    this.#stages = stages.filter(({ iterations }) => iterations > start);
    this.#iteration = start;
  }

  /** The next batch, as `TrainLoader` gives it. All batches of a stage must have been released when the next stage begins. */
  async next(): Promise<TrainBatch> {
    if (this.#iteration === this.#stages[0]?.iterations) {
      await this.close();
      this.#stages.shift();
    }
    const startIteration = this.#iteration++;
    this.#loader ??= new TrainLoader({ ...this.#stages[0]!, startIteration });
    return this.#loader.next();
  }

  async close(): Promise<void> {
    await this.#loader?.close();
    this.#loader = undefined;
  }
}

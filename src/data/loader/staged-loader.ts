/** The batches of a run in stages, each with a loader of its own: a burn-in on labelled images, then the method's batches. */
import { invariant } from '../../base/assert.ts';
import { type TrainBatch, TrainLoader, type TrainLoaderOptions } from './train-loader.ts';

/** `iterations`: where the stage ends, counted from the start of the run. */
export type Stage = Omit<TrainLoaderOptions, 'startIteration'>;

/**
 * Each stage's samples are keyed by its own epochs, so that a burn-in's batches are bit for bit those of a run of method
 * supervised; the price is that a later stage may draw the choices of an earlier one anew, for other images.
 */
export class StagedLoader {
  readonly #stages: Stage[];
  readonly #iterationsPerEpoch: number;
  #iteration: number;
  #loader: TrainLoader | undefined;
  #closed = false;

  /**
   * @param start the first iteration to give.
   * @param iterationsPerEpoch the run's: batches are told their epoch by it, whatever their stage counts.
   */
  constructor(stages: readonly Stage[], start: number, iterationsPerEpoch: number) {
    this.#stages = stages.filter(({ iterations }) => iterations > start);
    this.#iteration = start;
    this.#iterationsPerEpoch = iterationsPerEpoch;
  }

  /** The next batch, as `TrainLoader` gives it. All batches of a stage must have been released when the next stage begins. */
  async next(): Promise<TrainBatch> {
    if (this.#iteration === this.#stages[0]?.iterations) {
      this.#stages.shift();
      await this.#loader?.close();
      this.#loader = undefined;
    }
    const stage = this.#stages[0];
    invariant(stage !== undefined && !this.#closed, `iteration ${this.#iteration} was asked for after the last, or after close()`);
    const startIteration = this.#iteration++;
    this.#loader ??= new TrainLoader({ ...stage, startIteration });
    const batch = await this.#loader.next();
    return { ...batch, epoch: Math.floor(batch.iteration / this.#iterationsPerEpoch) };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#loader?.close();
  }
}

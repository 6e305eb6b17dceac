/**
 * Batches for training, rendered ahead by worker threads into a ring of slots in shared memory. A batch is the same for any
 * number of workers and for any place to start from, since each of its samples depends on (seed, epoch, position) alone.
 */
import { invariant } from '../../base/assert.ts';
import type { LabelTable } from '../catalog/dataset.ts';
import type { Sample } from '../types.ts';
import { iterationsPerEpoch, type Place, SampleOrder } from './order.ts';
import { InlinePool, type Pool, WorkerPool } from './pool.ts';
import type { RenderSetup } from './render.ts';
import { allocateCache, defaultCacheBytes } from './shared-cache.ts';
import { jobsOf, type LabelledMemory, Slot, type SlotShape, slotBytes, type UnlabelledMemory } from './slot.ts';

export interface TrainLoaderOptions {
  /** Folder that the samples' paths are relative to. */
  readonly root: string;
  /** A sample that stands several times, the same object, is loaded once. */
  readonly labelled: readonly Sample[];
  /** Empty: labelled views alone. Their masks are never read. */
  readonly unlabelled: readonly Sample[];
  /** Stored label -> train label (catalog's `storedLabels`). */
  readonly labelMap: LabelTable;
  /** Width and height of a crop, in pixels. */
  readonly cropSize: number;
  /** Images and masks are brought to this long side, in pixels, before anything else; null leaves them alone. */
  readonly longSide: number | null;
  /** What the random scale of crops multiplies: a long side in pixels, or null for each image's own. */
  readonly scaleBase: number | null;
  /** Labelled images, and as many unlabelled ones, of a batch of one process. */
  readonly batchSize: number;
  /** Most of the eleven operations in a strong view; 0: none. */
  readonly numAug: number;
  readonly cutmixPartner: 'same' | 'other';
  readonly seed: number;
  /** This process and the number of processes. */
  readonly rank: number;
  readonly world: number;
  /** Worker threads; 0: the main thread renders when a batch is asked for. Has no influence on the batches. */
  readonly workers: number;
  /** The first iteration to give (from 0), and the number of iterations of the whole run. */
  readonly startIteration: number;
  readonly iterations: number;
  /** Memory for decoded images, in bytes; by default an eighth of the free memory, divided by `world`. */
  readonly cacheBytes?: number;
}

/** `images` `[N, H, W, 3]`, `labels` `[N, H, W]` (255 = ignore). */
export interface LabelledBatch extends LabelledMemory {
  readonly ids: readonly string[];
}

/** `weak`, `strong1`, `strong2` `[N, H, W, 3]`; `ignore` `[N, H, W]`, 255 or 0; `boxes1`, `boxes2` `[N, 4]`: top, left, height, width. */
export interface UnlabelledBatch extends UnlabelledMemory {
  readonly ids: readonly string[];
}

/** One iteration's images, as bytes in shared memory that is written anew after `release`. */
export interface TrainBatch {
  readonly iteration: number;
  readonly epoch: number;
  readonly cropSize: number;
  readonly batchSize: number;
  readonly labelled: LabelledBatch;
  readonly unlabelled?: UnlabelledBatch;
  readonly mix?: UnlabelledBatch;
  /** Gives the memory back to the workers; the arrays must not be read afterwards. */
  release(): void;
}

/** Batches in memory: one in use, two ahead. At 801 pixels and 2 images a process, one takes 31 MB. */
const SLOTS = 3;

/** A batch on its way. */
interface Pending {
  readonly places: readonly Place[];
  readonly done: Promise<void>;
  readonly settle: (error?: Error) => void;
  remaining: number;
  /** The error of the lowest job, so that it does not depend on who was faster. */
  failure?: { readonly job: number; readonly error: Error };
}

const NO_LABELLED: LabelledBatch = { ids: [], images: new Uint8Array(0), labels: new Uint8Array(0) };

export class TrainLoader {
  private readonly options: TrainLoaderOptions;
  private readonly order: SampleOrder;
  private readonly shape: SlotShape;
  private readonly slots: readonly Slot[];
  private readonly pool: Pool;
  /** Batches count from 0 at `startIteration`; batch b lies in slot b mod SLOTS. */
  private readonly pending = new Map<number, Pending>();
  private readonly held = new Set<number>();
  /** First places of labelled samples, where some stand several times. */
  private readonly repeated: ReadonlyMap<Sample | undefined, number> | undefined;
  private published = 0;
  private requested = 0;
  private broken: Error | undefined;
  private closed: Promise<void> | undefined;

  /** Starts the workers, which render ahead at once. @throws ConfigError where the lists are too short for one batch. */
  constructor(options: TrainLoaderOptions) {
    iterationsPerEpoch(options);
    this.options = options;
    this.order = new SampleOrder({ ...options, labelled: options.labelled.length, unlabelled: options.unlabelled.length });
    this.repeated = firstPlaces(options.labelled);
    this.shape = { batchSize: options.batchSize, cropSize: options.cropSize, streams: this.order.streams };
    const buffers = Array.from({ length: SLOTS }, () => new SharedArrayBuffer(slotBytes(this.shape)));
    this.slots = buffers.map((buffer) => new Slot(buffer, this.shape));
    const { root, labelled, unlabelled, labelMap, longSide, scaleBase, numAug, seed, workers } = options;
    const cache = allocateCache(labelled.length + unlabelled.length, options.cacheBytes ?? defaultCacheBytes(options.world));
    const setup: RenderSetup = {
      root,
      labelled,
      unlabelled,
      labelMap,
      longSide,
      scaleBase,
      numAug,
      seed,
      shape: this.shape,
      slots: buffers,
      cache,
    };
    const events = {
      finished: (job: number, error?: Error) => this.finished(job, error),
      broken: (error: Error) => this.fail(error),
    };
    this.pool = workers > 0 ? new WorkerPool(setup, workers, events) : new InlinePool(setup, events);
    if (workers > 0) this.publish(SLOTS);
  }

  /**
   * The next batch, in order. At most two batches may be held unreleased when it is called.
   * @throws DataError that names the file where a sample of the batch is not usable; the loader gives no more batches then.
   */
  async next(): Promise<TrainBatch> {
    invariant(this.closed === undefined, 'next() after close()');
    const batch = this.requested++;
    const iteration = this.options.startIteration + batch;
    invariant(iteration < this.options.iterations, `iteration ${iteration} of ${this.options.iterations} was asked for`);
    this.publish(batch + 1);
    const pending = this.pending.get(batch);
    if (this.broken) throw this.broken;
    invariant(pending !== undefined, `${SLOTS} batches are held; release() one before next()`);
    this.pool.waiting(true);
    try {
      await pending.done;
    } catch (error) {
      // Only now: batches before this one are good, and were to be given first.
      this.broken ??= error as Error;
      throw error;
    } finally {
      this.pool.waiting(false);
      this.pending.delete(batch);
    }
    return this.batchOf(batch, iteration, pending.places);
  }

  /** Ends the workers after their present sample. A `next()` still waiting is rejected. */
  close(): Promise<void> {
    this.fail(new Error('the loader was closed'));
    this.closed ??= this.pool.close();
    return this.closed;
  }

  /** Lays out the batches below `count` as far as slots are free. */
  private publish(count: number): void {
    const last = Math.min(count, this.options.iterations - this.options.startIteration);
    const before = this.published;
    while (this.broken === undefined && this.published < last && !this.isTaken(this.published)) {
      const batch = this.published++;
      const places = this.placesOf(this.options.startIteration + batch);
      this.slots[batch % SLOTS]!.assign(places);
      this.pending.set(batch, newPending(places));
    }
    if (this.published > before) this.pool.publish(this.published * jobsOf(this.shape));
  }

  /** The places of an iteration; a sample that stands several times in its list is known by its first place. */
  private placesOf(iteration: number): Place[] {
    const places = this.order.places(iteration);
    return this.repeated
      ? places.map((place) => ({ ...place, sample: this.repeated!.get(this.options.labelled[place.sample]) ?? place.sample }))
      : places;
  }

  /** Whether the slot of this batch still belongs to the batch before it. */
  private isTaken(batch: number): boolean {
    return this.held.has(batch - SLOTS) || this.pending.has(batch - SLOTS);
  }

  private finished(job: number, error?: Error): void {
    const pending = this.pending.get(Math.floor(job / jobsOf(this.shape)));
    if (pending === undefined) return;
    if (error && (pending.failure === undefined || job < pending.failure.job)) pending.failure = { job, error };
    pending.remaining--;
    if (pending.remaining > 0) return;
    pending.settle(pending.failure?.error);
  }

  private fail(error: Error): void {
    this.broken ??= error;
    for (const { settle } of this.pending.values()) settle(error);
  }

  private batchOf(batch: number, iteration: number, places: readonly Place[]): TrainBatch {
    const { batchSize, cropSize } = this.options;
    const { labelled, unlabelled, mix } = this.slots[batch % SLOTS]!;
    const ids = (stream: number): string[] => places.filter((place) => place.stream === stream).map(({ sample }) => this.idOf(sample));
    this.held.add(batch);
    return {
      iteration,
      epoch: places[0]!.epoch,
      cropSize,
      batchSize,
      labelled: labelled ? { ids: ids(0), ...labelled } : NO_LABELLED,
      ...(unlabelled && { unlabelled: { ids: ids(1), ...unlabelled } }),
      ...(mix && { mix: { ids: ids(2), ...mix } }),
      release: () => this.release(batch),
    };
  }

  private idOf(sample: number): string {
    const { labelled, unlabelled } = this.options;
    return (labelled[sample] ?? unlabelled[sample - labelled.length])!.id;
  }

  private release(batch: number): void {
    if (this.held.delete(batch) && this.options.workers > 0) this.publish(this.published + SLOTS);
  }
}

function firstPlaces(samples: readonly Sample[]): Map<Sample, number> | undefined {
  const first = new Map<Sample, number>();
  for (const [place, sample] of samples.entries()) if (!first.has(sample)) first.set(sample, place);
  return first.size < samples.length ? first : undefined;
}

function newPending(places: readonly Place[]): Pending {
  let settle: (error?: Error) => void = () => {};
  const done = new Promise<void>((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve());
  });
  // Whoever calls next() hears of a failure; a batch that nobody asks for must not end the process.
  done.catch(() => {});
  return { places, done, settle, remaining: places.length };
}

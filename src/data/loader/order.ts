/**
 * Which sample stands where in an epoch (SPEC section 3). Both lists are brought to the length of the longer one by repeating
 * the other; position p of an epoch is the p-th entry of a permutation of that length, drawn afresh for every epoch and
 * independently for each list. Process r of P takes positions r, r + P, r + 2P, ..., so that one process with batches of 2N
 * sees what two processes with batches of N see.
 */
import { ConfigError } from '../../base/errors.ts';
import { random } from '../../base/random.ts';

/** The three views of a list that an iteration draws from, in the order of a batch. */
export const STREAMS = ['labelled', 'unlabelled', 'mix'] as const;
export type Stream = (typeof STREAMS)[number];

export interface OrderOptions {
  /** Lengths of the lists; 0 unlabelled images: labelled views alone, and the other way round. */
  readonly labelled: number;
  readonly unlabelled: number;
  readonly batchSize: number;
  readonly rank: number;
  readonly world: number;
  readonly seed: number;
  readonly cutmixPartner: 'same' | 'other';
}

/** Number of iterations in an epoch: floor(ceil(max(L, U) / processes) / batch). 0 where the lists are too short for one. */
export function countIterations(labelled: number, unlabelled: number, world: number, batchSize: number): number {
  return Math.floor(Math.ceil(Math.max(labelled, unlabelled) / world) / batchSize);
}

/** The same, for the user's lists. @throws ConfigError with the remedy where they do not fill one batch. */
export function iterationsPerEpoch(options: {
  readonly labelled: { readonly length: number };
  readonly unlabelled: { readonly length: number };
  readonly world: number;
  readonly batchSize: number;
}): number {
  const { labelled, unlabelled, world, batchSize } = options;
  const iterations = countIterations(labelled.length, unlabelled.length, world, batchSize);
  if (iterations > 0) return iterations;
  const each = Math.ceil(Math.max(labelled.length, unlabelled.length) / world);
  const lists = `${labelled.length} labelled and ${unlabelled.length} unlabelled images`;
  const processes = world === 1 ? '' : ` on each of ${world} processes`;
  // Labelled images alone means method supervised, or a burn-in: their batch is twice train.batch_size.
  const most = unlabelled.length === 0 ? Math.floor(each / 2) : each;
  const remedy = most > 0 ? `; set train.batch_size to at most ${most}, or list more images` : '; list more images';
  throw new ConfigError(`train.batch_size: ${lists} are too few for one batch of ${batchSize}${processes}${remedy}`);
}

/** Index into a list for every position of an epoch. */
function epochOrder(seed: number, epoch: number, purpose: string, list: number, length: number): Int32Array {
  return random(seed, epoch, purpose)
    .permutation(length)
    .map((index) => index % list);
}

/** Where one sample of a batch comes from. `sample` counts through the labelled list and then the unlabelled one. */
export interface Place {
  readonly stream: number;
  readonly sample: number;
  readonly epoch: number;
  readonly position: number;
}

/** The order of samples of one process: a pure function of its options and the iteration. */
export class SampleOrder {
  readonly iterationsPerEpoch: number;
  /** Numbers of the streams in use, in order: 0 labelled, 1 unlabelled, 2 mix. */
  readonly streams: readonly number[];
  private readonly options: OrderOptions;
  private readonly length: number;
  private epoch = -1;
  private orders: readonly Int32Array[] = [];

  constructor(options: OrderOptions) {
    const { labelled, unlabelled, world, batchSize } = options;
    this.options = options;
    this.length = Math.max(labelled, unlabelled);
    this.iterationsPerEpoch = countIterations(labelled, unlabelled, world, batchSize);
    this.streams = [...(labelled > 0 ? [0] : []), ...(unlabelled > 0 ? [1, 2] : [])];
  }

  /** The places of one iteration's samples: a batch of each stream in use, one after the other. */
  places(iteration: number): Place[] {
    const { batchSize, rank, world } = this.options;
    const epoch = Math.floor(iteration / this.iterationsPerEpoch);
    const first = (iteration % this.iterationsPerEpoch) * batchSize;
    this.shuffle(epoch);
    return this.streams.flatMap((stream) =>
      Array.from({ length: batchSize }, (_, j) => {
        const position = world * (first + j) + rank;
        // The last position of a process may lie past the end where the length is no multiple of the processes.
        return { stream, sample: this.orders[stream]![position % this.length]!, epoch, position };
      }),
    );
  }

  private shuffle(epoch: number): void {
    if (this.epoch === epoch) return;
    const { seed, labelled, unlabelled, cutmixPartner } = this.options;
    const unlabelledOrder = (purpose: string): Int32Array =>
      unlabelled === 0 ? new Int32Array(0) : epochOrder(seed, epoch, purpose, unlabelled, this.length).map((index) => labelled + index);
    this.orders = [
      labelled === 0 ? new Int32Array(0) : epochOrder(seed, epoch, 'labelled order', labelled, this.length),
      unlabelledOrder('unlabelled order'),
      unlabelledOrder(cutmixPartner === 'same' ? 'unlabelled order' : 'mix order'),
    ];
    this.epoch = epoch;
  }
}

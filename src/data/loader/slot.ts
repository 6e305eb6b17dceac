/**
 * One batch in shared memory: who renders what, and where the bytes go. Main thread and workers compute the same layout from
 * the same three numbers.
 */
import { type Place, STREAMS } from './order.ts';

export interface SlotShape {
  readonly batchSize: number;
  readonly cropSize: number;
  /** Numbers of the streams in use (SampleOrder.streams). */
  readonly streams: readonly number[];
}

/** A labelled batch's memory: `[N, H, W, 3]` and `[N, H, W]`. */
export interface LabelledMemory {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/** An unlabelled batch's memory: three `[N, H, W, 3]`, one `[N, H, W]`, two `[N, 4]` (top, left, height, width). */
export interface UnlabelledMemory {
  readonly weak: Uint8Array;
  readonly strong1: Uint8Array;
  readonly strong2: Uint8Array;
  readonly ignore: Uint8Array;
  readonly boxes1: Int32Array;
  readonly boxes2: Int32Array;
}

const PLACE_INTS = 4;
const BOX_INTS = 4;
/** Parts begin at multiples of a cache line. */
const ALIGNMENT = 64;

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
/** Jobs, that is samples, of a slot. */
export const jobsOf = ({ batchSize, streams }: SlotShape): number => batchSize * streams.length;

const placesBytes = (shape: SlotShape): number => aligned(4 * PLACE_INTS * jobsOf(shape));

/** Bytes of a slot. */
export function slotBytes(shape: SlotShape): number {
  const pixels = shape.batchSize * shape.cropSize ** 2;
  const labelled = aligned(3 * pixels) + aligned(pixels);
  const unlabelled = 3 * aligned(3 * pixels) + aligned(pixels) + 2 * aligned(4 * BOX_INTS * shape.batchSize);
  return shape.streams.reduce((sum, stream) => sum + (STREAMS[stream] === 'labelled' ? labelled : unlabelled), placesBytes(shape));
}

/** Typed views of a slot. A stream that is not in use has none. */
export class Slot {
  readonly labelled: LabelledMemory | undefined;
  readonly unlabelled: UnlabelledMemory | undefined;
  readonly mix: UnlabelledMemory | undefined;
  private readonly places: Int32Array;

  constructor(buffer: SharedArrayBuffer, shape: SlotShape) {
    const { batchSize, cropSize, streams } = shape;
    const pixels = batchSize * cropSize ** 2;
    let offset = placesBytes(shape);
    const take = (bytes: number): number => {
      const start = offset;
      offset += aligned(bytes);
      return start;
    };
    const bytes = (length: number): Uint8Array => new Uint8Array(buffer, take(length), length);
    const boxes = (): Int32Array => new Int32Array(buffer, take(4 * BOX_INTS * batchSize), BOX_INTS * batchSize);
    const unlabelled = (): UnlabelledMemory => ({
      weak: bytes(3 * pixels),
      strong1: bytes(3 * pixels),
      strong2: bytes(3 * pixels),
      ignore: bytes(pixels),
      boxes1: boxes(),
      boxes2: boxes(),
    });
    this.places = new Int32Array(buffer, 0, PLACE_INTS * jobsOf(shape));
    this.labelled = streams.includes(0) ? { images: bytes(3 * pixels), labels: bytes(pixels) } : undefined;
    this.unlabelled = streams.includes(1) ? unlabelled() : undefined;
    this.mix = streams.includes(2) ? unlabelled() : undefined;
  }

  /** Says what the slot is to hold. */
  assign(places: readonly Place[]): void {
    for (const [job, { stream, sample, epoch, position }] of places.entries()) {
      this.places.set([stream, sample, epoch, position], job * PLACE_INTS);
    }
  }

  /** What job number `job` of this slot renders. */
  place(job: number): Place {
    const [stream, sample, epoch, position] = this.places.subarray(job * PLACE_INTS, (job + 1) * PLACE_INTS);
    return { stream: stream!, sample: sample!, epoch: epoch!, position: position! };
  }
}

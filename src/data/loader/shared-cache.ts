/**
 * Decoded samples in memory that all workers share, so that a set that fits is decoded once and by nobody twice. Nothing is
 * ever thrown out: every image is wanted once an epoch in random order, so keeping the first that fit serves as well as any
 * rule of replacement, and needs no lock.
 */
import { freemem } from 'node:os';
import type { Source } from './source.ts';

export interface CacheMemory {
  /** Int32: the arena's used units, then state, first unit, width, height of every sample. */
  readonly directory: SharedArrayBuffer;
  readonly arena: SharedArrayBuffer;
}

/** The arena is handed out in units, so that 32-bit counters reach 128 GiB. */
const UNIT_BYTES = 64;
const TOP = 0;
const ENTRY_INTS = 4;
const EMPTY = 0;
const WRITING = 1;
const READY = 2;
/** Share of the free memory that the cache of all processes of a run may take. */
const MEMORY_SHARE = 1 / 8;

/** Bytes that the cache of one of `world` processes may take: an eighth of the memory now free, divided among them. */
export function defaultCacheBytes(world: number): number {
  const limit = process.constrainedMemory() ?? 0;
  const free = Math.min(freemem(), limit > 0 ? limit : Number.POSITIVE_INFINITY);
  return Math.floor((free * MEMORY_SHARE) / world);
}

/** What of WebAssembly is used here: shared memory that the system maps, page by page, when it is written to. */
interface PageMemory {
  new (size: { initial: number; maximum: number; shared: true }): { readonly buffer: SharedArrayBuffer };
}
const { Memory } = (globalThis as unknown as { WebAssembly: { Memory: PageMemory } }).WebAssembly;
const PAGE_BYTES = 65_536;
/** WebAssembly's limit: 4 GiB. */
const MOST_PAGES = 65_536;

/**
 * Memory for a cache of so many samples; it costs nothing until it is written to. An arena that cannot be had is halved.
 * A plain SharedArrayBuffer comes from the allocator, and tcmalloc writes zeros over all of it: gigabytes and seconds at every start.
 */
export function allocateCache(samples: number, bytes: number): CacheMemory {
  const directory = new SharedArrayBuffer(4 * (1 + ENTRY_INTS * samples));
  for (let pages = Math.min(MOST_PAGES, Math.floor(bytes / PAGE_BYTES)); pages >= 1; pages = Math.floor(pages / 2)) {
    try {
      return { directory, arena: new Memory({ initial: pages, maximum: pages, shared: true }).buffer };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return { directory, arena: new SharedArrayBuffer(0) };
}

/** One thread's door to the cache. */
export class SharedCache {
  private readonly directory: Int32Array;
  private readonly arena: SharedArrayBuffer;

  constructor(memory: CacheMemory) {
    this.directory = new Int32Array(memory.directory);
    this.arena = memory.arena;
  }

  /** The sample, as views of the shared memory; undefined where it is not there (yet). `labelled`: it was put with labels. */
  get(sample: number, labelled: boolean): Source | undefined {
    const entry = 1 + sample * ENTRY_INTS;
    if (Atomics.load(this.directory, entry) !== READY) return undefined;
    const offset = this.directory[entry + 1]! * UNIT_BYTES;
    const width = this.directory[entry + 2]!;
    const height = this.directory[entry + 3]!;
    const pixels = width * height;
    const image = { width, height, data: new Uint8Array(this.arena, offset, pixels * 3) };
    return labelled ? { image, labels: { width, height, data: new Uint8Array(this.arena, offset + pixels * 3, pixels) } } : { image };
  }

  /** Keeps a copy of the sample where there is room and no other thread is about to. */
  put(sample: number, { image, labels }: Source): void {
    const entry = 1 + sample * ENTRY_INTS;
    if (Atomics.compareExchange(this.directory, entry, EMPTY, WRITING) !== EMPTY) return;
    const bytes = image.data.length + (labels?.data.length ?? 0);
    const unit = this.reserve(Math.ceil(bytes / UNIT_BYTES));
    if (unit === undefined) {
      Atomics.store(this.directory, entry, EMPTY);
      return;
    }
    const target = new Uint8Array(this.arena, unit * UNIT_BYTES, bytes);
    target.set(image.data);
    if (labels) target.set(labels.data, image.data.length);
    this.directory[entry + 1] = unit;
    this.directory[entry + 2] = image.width;
    this.directory[entry + 3] = image.height;
    Atomics.store(this.directory, entry, READY);
  }

  /** The first of so many units that are now ours. */
  private reserve(units: number): number | undefined {
    for (;;) {
      const top = Atomics.load(this.directory, TOP);
      if ((top + units) * UNIT_BYTES > this.arena.byteLength) return undefined;
      if (Atomics.compareExchange(this.directory, TOP, top, top + units) === top) return top;
    }
  }
}

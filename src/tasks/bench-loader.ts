/** `dssn bench loader`: samples per second from disk to batches. */
import { readList } from '../data/lists.ts';
import { measureLoader } from '../data/loader/index.ts';
import type { BenchLoaderOptions, BenchLoaderResult } from './types.ts';

export async function benchLoader({ root, list, crop, workers, seconds }: BenchLoaderOptions): Promise<BenchLoaderResult> {
  const speed = await measureLoader({ root, samples: readList(list), cropSize: crop, workers }, seconds);
  return { samples_per_s: speed.samplesPerSecond, samples: speed.samples, seconds: speed.seconds, workers, crop };
}

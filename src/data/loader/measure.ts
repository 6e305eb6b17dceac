/** How fast the loader is: the core of `dssn bench loader`. */
import { performance } from 'node:perf_hooks';
import { labelTable } from '../catalog/dataset.ts';
import type { Sample } from '../types.ts';
import { TrainLoader } from './train-loader.ts';

export interface LoaderBench {
  readonly root: string;
  readonly samples: readonly Sample[];
  readonly cropSize: number;
  readonly workers: number;
  /** Images of a batch; 2 by default, as the published recipes. */
  readonly batchSize?: number;
  readonly longSide?: number | null;
  /** Most of the eleven operations in a strong view; 3 by default. */
  readonly numAug?: number;
}

export interface LoaderSpeed {
  /** Unlabelled images a second, each with its weak view, two strong views and two CutMix boxes. */
  readonly samplesPerSecond: number;
  readonly samples: number;
  readonly seconds: number;
}

/** Batches given before the clock starts: workers are up and the ring has turned. */
const WARM_UP_BATCHES = 4;

/** Draws unlabelled batches for at least so many seconds. An unlabelled and a mix batch of an iteration both count. */
export async function measureLoader(options: LoaderBench, seconds: number): Promise<LoaderSpeed> {
  const { root, samples, cropSize, workers, batchSize = 2, longSide = null, numAug = 3 } = options;
  const loader = new TrainLoader({
    root,
    labelled: [],
    unlabelled: samples,
    labelMap: labelTable({ classes: [] }),
    cropSize,
    longSide,
    scaleBase: null,
    batchSize,
    numAug,
    cutmixPartner: 'other',
    seed: 0,
    rank: 0,
    world: 1,
    workers,
    startIteration: 0,
    iterations: Number.MAX_SAFE_INTEGER,
  });
  try {
    const step = async (): Promise<void> => (await loader.next()).release();
    for (let batch = 0; batch < WARM_UP_BATCHES; batch++) await step();
    const start = performance.now();
    let count = 0;
    let elapsed = 0;
    while (elapsed < seconds) {
      await step();
      count += 2 * batchSize;
      elapsed = (performance.now() - start) / 1000;
    }
    return { samplesPerSecond: count / elapsed, samples: count, seconds: elapsed };
  } finally {
    await loader.close();
  }
}

/**
 * Images for evaluation: each once, in the list's order, at their own size. Decoding runs ahead in libvips' threads while the
 * network works, so no workers of our own are needed.
 */
import type { LabelTable } from '../catalog/dataset.ts';
import type { LabelMap, Rgb, Sample } from '../types.ts';
import { atLongSide, decodeSample } from './source.ts';

export interface EvalLoaderOptions {
  readonly root: string;
  readonly samples: readonly Sample[];
  /** Images (never labels) are brought to this long side, in pixels; null leaves them alone. */
  readonly longSide: number | null;
  /** Stored label -> train label (catalog's `storedLabels`). Absent: label maps are not read. */
  readonly labelMap?: LabelTable;
  /** This process takes samples rank, rank + world, ...; by default all. */
  readonly rank?: number;
  readonly world?: number;
}

export interface EvalItem {
  readonly sample: Sample;
  /** At `longSide`. */
  readonly image: Rgb;
  /** At the original size; train labels, 255 = ignore. Absent where the sample has no mask. */
  readonly labels?: LabelMap;
  readonly originalWidth: number;
  readonly originalHeight: number;
}

/** Images decoded ahead of the one in use. */
const AHEAD = 2;

export class EvalLoader implements AsyncIterable<EvalItem> {
  private readonly options: EvalLoaderOptions;
  /** The samples of this process. */
  readonly samples: readonly Sample[];

  constructor(options: EvalLoaderOptions) {
    const { samples, rank = 0, world = 1 } = options;
    this.options = options;
    this.samples = samples.filter((_, i) => i % world === rank);
  }

  /** @throws DataError that names the file, when the turn of an unusable sample comes. */
  async *[Symbol.asyncIterator](): AsyncGenerator<EvalItem, void> {
    const ahead: Promise<EvalItem>[] = [];
    let next = 0;
    const fill = (): void => {
      for (; next < this.samples.length && ahead.length <= AHEAD; next++) {
        const item = this.load(this.samples[next]!);
        // Its turn may never come, and it must not end the process before.
        item.catch(() => {});
        ahead.push(item);
      }
    };
    for (fill(); ahead.length > 0; fill()) yield await ahead.shift()!;
  }

  private async load(sample: Sample): Promise<EvalItem> {
    const { root, labelMap, longSide } = this.options;
    const { image, labels } = await decodeSample(root, sample, labelMap);
    const { width: originalWidth, height: originalHeight } = image;
    const item = { sample, image: atLongSide({ image }, longSide).image, originalWidth, originalHeight };
    return labels ? { ...item, labels } : item;
  }
}

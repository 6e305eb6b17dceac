/**
 * Pseudo-labels of whole images in a run folder (SPEC section 8b): `pseudo-labels/ID.png`, label maps of train labels with the
 * palette, and `pseudo-labels/reliability.json`. What is there already is not made again.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CheckpointError, messageOf } from '../base/errors.ts';
import { EvalLoader } from '../data/loader/index.ts';
import type { Rgb, Sample } from '../data/types.ts';
import { byReliability, reliability } from '../eval/index.ts';
import { replaceFile } from '../formats/files.ts';
import { selectionOf } from '../methods/index.ts';
import type { DeepLabV3Plus } from '../models/index.ts';
import type { WeightsKind } from '../runs/events.ts';
import { weightsFiles } from '../runs/folder.ts';
import { replaceJson } from '../runs/manifest.ts';
import { indexPng } from '../runs/pictures.ts';
import { findWeights, verifyWeights } from '../runs/weights.ts';
import { writing } from '../runs/writing.ts';
import { labelImage, predictImage } from '../train/evaluate.ts';
import { collapsed } from '../train/watch.ts';
import { openNetwork } from '../train/weights.ts';
import type { Session } from './phase.ts';

export class PseudoLabels {
  readonly #session: Session;
  readonly #folder: string;

  readonly #endOfFirst: number;

  /** @param endOfFirst SGD steps of the run at the end of its first round. */
  constructor(session: Session, endOfFirst: number) {
    this.#session = session;
    this.#endOfFirst = endOfFirst;
    this.#folder = resolve(session.run.path, 'pseudo-labels');
  }

  /** Removes what another run left. */
  clear(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A list's `..` must not lead out of the folder. */
  #fileOf({ id }: Sample): string {
    const parts = id.split('/').filter((part) => part !== '' && part !== '.');
    return join(this.#folder, ...parts.map((part) => (part === '..' ? '__' : part))).concat('.png');
  }

  #open(kind: WeightsKind): DeepLabV3Plus {
    const { run, device } = this.#session;
    const found = findWeights(run.path, kind);
    if (!found) throw new CheckpointError(`${join(run.path, kind)}: is missing; self-training cannot go on without it`);
    verifyWeights(found, [weightsFiles.student]);
    return openNetwork(join(found.folder, weightsFiles.student)).network.to(device);
  }

  /** Calls `use` with each image in turn, at its long side and with its own size. @returns false when it was interrupted. */
  async #each(
    samples: readonly Sample[],
    label: string,
    use: (sample: Sample, image: Rgb, size: readonly [height: number, width: number]) => void,
  ): Promise<boolean> {
    const { config, reporter, signal } = this.#session;
    reporter.start(samples.length, label, { unit: 'image' });
    let done = 0;
    const images = samples.map(({ id, image, asStored }): Sample => ({ id, image, ...(asStored && { asStored }) }));
    for await (const item of new EvalLoader({ root: config.data.root, samples: images, longSide: config.data.long_side })) {
      await new Promise((settle) => setImmediate(settle));
      if (signal?.aborted) return false;
      use(item.sample, item.image, [item.originalHeight, item.originalWidth]);
      reporter.update({ iteration: ++done });
    }
    reporter.end();
    return true;
  }

  /**
   * The samples with their pseudo-labels as masks: by the labeller, the best student of the round before, where a sample has none yet.
   * @returns undefined when it was interrupted.
   */
  async of(samples: readonly Sample[]): Promise<Sample[] | undefined> {
    const { config, dataset, device, reporter } = this.#session;
    const counts = new Float64Array(256);
    const missing = samples.filter((sample) => !existsSync(this.#fileOf(sample)));
    if (missing.length > 0) {
      const network = this.#open('labeller');
      const select = selectionOf(config);
      try {
        const whole = await this.#each(missing, 'labels', (sample, image, size) => {
          const file = this.#fileOf(sample);
          const labels = labelImage(network, image, size, select, device);
          for (const label of labels.data) counts[label]!++;
          writing(this.#session.run.path, () => replaceFile(file, [indexPng(labels, dataset.palette)]));
        });
        if (!whole) return undefined;
        for (const text of doubtsOf(counts.subarray(0, dataset.classes.length), dataset.classes)) reporter.warning(text);
      } finally {
        network.free();
      }
    }
    return samples.map((sample) => ({ ...sample, mask: this.#fileOf(sample), pseudo: true }));
  }

  /** All unlabelled images, the most reliable first. @returns undefined when it was interrupted. */
  async byReliability(): Promise<Sample[] | undefined> {
    const { unlabelled } = this.#session.split;
    const file = join(this.#folder, 'reliability.json');
    if (!existsSync(file) && !(await this.#measure(file))) return undefined;
    const values = readReliability(file);
    const of = unlabelled.map(({ id }) => {
      const value = values[id];
      if (value === undefined) throw new CheckpointError(`${file}: does not hold ${id}; allowed: the list that the run began with`);
      return value;
    });
    return byReliability(of).map((index) => unlabelled[index]!);
  }

  /** Compares the labels of two earlier students with those of the last one. */
  async #measure(file: string): Promise<boolean> {
    const { split, dataset, config, device, run, progress } = this.#session;
    if (findWeights(run.path, 'latest')?.mark.iteration !== this.#endOfFirst || progress.done !== this.#endOfFirst)
      throw new CheckpointError(`${file}: is missing, and the run is beyond its first round, at whose end it was made`);
    const networks: DeepLabV3Plus[] = [];
    const viewing = { mode: 'original', cropSize: config.data.crop_size, tta: false, device } as const;
    const values: Record<string, number> = {};
    try {
      for (const kind of ['early-1', 'early-2', 'latest'] as const) networks.push(this.#open(kind));
      const whole = await this.#each(split.unlabelled, 'reliability', ({ id }, image, size) => {
        const [first, second, last] = networks.map((network) => predictImage(network, image, size, viewing).data);
        values[id] = reliability([first!, second!], last!, dataset.classes.length);
      });
      if (whole) {
        mkdirSync(this.#folder, { recursive: true });
        writing(run.path, () => replaceJson(file, values));
      }
      return whole;
    } finally {
      for (const network of networks) network.free();
    }
  }
}

/** What is wrong with pseudo-labels that have so many pixels of each class. */
function doubtsOf(counts: Float64Array, classes: readonly string[]): string[] {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const alone = classes.find((_, k) => counts[k]! >= collapsed * all);
  if (all > 0 && alone !== undefined) return [`pseudo-labels have collapsed: all but a thousandth of their pixels are labelled ${alone}`];
  const never = classes.filter((_, k) => counts[k] === 0);
  return never.length > 0
    ? [`no pseudo-label is ${never.join(', ')}: unlabelled images teach nothing about ${never.length === 1 ? 'it' : 'them'}`]
    : [];
}

function readReliability(file: string): Readonly<Record<string, number>> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
  } catch (error) {
    throw new CheckpointError(`${file}: not valid JSON: ${messageOf(error)}`, { cause: error });
  }
}

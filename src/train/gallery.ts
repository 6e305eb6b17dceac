/**
 * Pictures for people who watch a run, made at each evaluation from what it computes anyway: predictions on the first validation
 * images beside image and truth, and a pseudo-label of the step before. They change nothing of what is learnt.
 */
import { resizeBilinear, resizeNearest } from '../data/augment/resize.ts';
import { IGNORE_LABEL } from '../data/catalog/index.ts';
import type { LabelMap, Rgb } from '../data/types.ts';
import type { RunWriter } from '../runs/folder.ts';
import { comparisonSheet, type SheetRow } from '../runs/pictures.ts';
import type { Seen } from './evaluate.ts';
import type { PseudoLabelPicture } from './loop.ts';
import type { DataDescription } from './weights.ts';

/** Pixels of a picture's longer side; larger ones are made smaller. */
const LONGEST = 400;

const evaluationColumns = ['image', 'truth', 'student', 'teacher'];
const pseudoLabelColumns = ['image', 'pseudo-label', 'kept'];

/** Pictures of one size, that of the image, or smaller. */
function rowOf(image: Rgb, labels: readonly LabelMap[]): SheetRow {
  const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
  const size = { width: Math.max(1, Math.round(image.width * scale)), height: Math.max(1, Math.round(image.height * scale)) };
  return { image: resizeBilinear(image, size), labels: labels.map((map) => resizeNearest(map, size)) };
}

/** Where a pixel is not learnt from, the label to ignore. */
const keptOnly = (labels: LabelMap, kept: LabelMap): LabelMap => ({
  ...labels,
  data: labels.data.map((label, pixel) => (kept.data[pixel] === 1 ? label : IGNORE_LABEL)),
});

export class Gallery {
  readonly #run: RunWriter;
  readonly #legend: Pick<DataDescription, 'classes' | 'palette'>;
  readonly #count: number;
  #rows: SheetRow[] = [];
  #pseudoLabels: SheetRow | undefined;

  /** @param count validation images shown: the first ones of the list */
  constructor(run: RunWriter, legend: Pick<DataDescription, 'classes' | 'palette'>, count: number) {
    this.#run = run;
    this.#legend = legend;
    this.#count = count;
  }

  /** A pseudo-label of the step before an evaluation. */
  readonly takePseudoLabels = ({ image, labels, kept }: PseudoLabelPicture): void => {
    this.#pseudoLabels = rowOf(image, [labels, keptOnly(labels, kept)]);
  };

  /** An image of the evaluation under way. */
  readonly see = ({ image, labels, predictions }: Seen): void => {
    if (this.#rows.length < this.#count) this.#rows.push(rowOf(image, [labels, ...predictions]));
  };

  /** Forgets what an evaluation that was stopped has seen. */
  begin(): void {
    this.#rows = [];
  }

  /** Writes the pictures of the evaluation that ended. */
  write(iteration: number): void {
    const sheet = (row: SheetRow, columns: readonly string[]): Rgb => comparisonSheet([row], { columns, legend: this.#legend });
    this.#run.appendPictures(iteration, () => [
      ...this.#rows.map((row, k) => ({ tag: `eval/predictions/${k + 1}`, picture: sheet(row, evaluationColumns) })),
      ...(this.#pseudoLabels ? [{ tag: 'train/pseudo_labels', picture: sheet(this.#pseudoLabels, pseudoLabelColumns) }] : []),
    ]);
    this.#rows = [];
    this.#pseudoLabels = undefined;
  }
}

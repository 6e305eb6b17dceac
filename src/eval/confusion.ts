/** Counts of true class against predicted class, and the IoU computed from them (SPEC section 7). Plain numbers, exact. */
import { DataError } from '../base/errors.ts';

const ignore = 255;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);

export class ConfusionMatrix {
  /** [true class, predicted class], row by row. */
  readonly counts: Float64Array;

  constructor(readonly classes: number) {
    this.counts = new Float64Array(classes * classes);
  }

  /**
   * Counts every pixel that is not ignored.
   * @throws DataError when the two maps differ in size or a prediction or label is no class.
   */
  add(predicted: Uint8Array, labels: Uint8Array): void {
    if (predicted.length !== labels.length) throw new DataError(`${predicted.length} predicted pixels for ${labels.length} labels`);
    const k = this.classes;
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i]!;
      if (label === ignore) continue;
      const prediction = predicted[i]!;
      if (label >= k || prediction >= k)
        throw new DataError(`label ${label}, predicted ${prediction}: allowed are 0 to ${k - 1}, and label 255`);
      this.counts[label * k + prediction]!++;
    }
  }

  /** TP + FP + FN of a class, in pixels. */
  union(c: number): number {
    const k = this.classes;
    let union = -this.counts[c * k + c]!;
    for (let other = 0; other < k; other++) union += this.counts[c * k + other]! + this.counts[other * k + c]!;
    return union;
  }

  /** IoU of each class in percent: 100 TP / (TP + FP + FN + 1e-10). A class that occurs nowhere has 0. */
  iou(): number[] {
    const k = this.classes;
    return Array.from({ length: k }, (_, c) => (100 * this.counts[c * k + c]!) / (this.union(c) + 1e-10));
  }

  /** Mean IoU in percent; every class counts, also one that occurs nowhere, as published. */
  miou(): number {
    return mean(this.iou());
  }

  /**
   * Mean IoU in percent over the classes present: those with a counted pixel in the truth or in the prediction, TP + FP + FN > 0.
   * A class that is only predicted has IoU 0 and counts. 0 where no pixel was counted. Never below `miou`.
   */
  miouPresent(): number {
    return mean(this.iou().filter((_, c) => this.union(c) > 0));
  }
}

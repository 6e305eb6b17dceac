/** Which labelled images become the validation list, and the lists as text. */
import { random } from '../base/random.ts';

/** Share of the labelled images that validate by default, and the most that do so unless more are asked for. */
const SHARE = 0.2;
const MOST = 200;
/** Draws that are tried for one in which every class is on both sides, and exchanges of two images that are looked at in each. */
const TRIES = 30;
const EXCHANGES = 200_000;

/** How many of n labelled images validate. @param asked a number of images (from 1), a share (below 1), or nothing. */
export function validationCount(n: number, asked: number | undefined): number {
  const wanted = asked === undefined ? Math.min(MOST, Math.round(SHARE * n)) : asked < 1 ? Math.round(asked * n) : asked;
  return Math.min(Math.max(1, wanted), n - 1);
}

/** A division of images, `true` = validation, with how many images of each side hold each class. */
class Division {
  readonly isVal: boolean[];
  private readonly present: readonly (readonly number[])[];
  private readonly total: readonly number[];
  private readonly inVal: number[];

  constructor(present: readonly (readonly number[])[], classes: number) {
    this.present = present;
    this.isVal = present.map(() => false);
    const total = new Array<number>(classes).fill(0);
    for (const labels of present) for (const label of labels) total[label]!++;
    this.total = total;
    this.inVal = new Array<number>(classes).fill(0);
  }

  /** Sides that hold a class, over all classes; a class of one image counts where it is learnt from. */
  get score(): number {
    return this.total.reduce((sum, _, label) => sum + this.sides(label, this.inVal[label]!), 0);
  }

  /** The score that no division can exceed. */
  get most(): number {
    return this.total.reduce((sum, total) => sum + Math.min(2, total), 0);
  }

  private sides(label: number, inVal: number): number {
    const total = this.total[label]!;
    return (inVal > 0 && total > 1 ? 1 : 0) + (inVal < total ? 1 : 0);
  }

  private change(label: number, by: number): number {
    return this.sides(label, this.inVal[label]! + by) - this.sides(label, this.inVal[label]!);
  }

  /** What the score gains where an image validates. */
  gain(image: number): number {
    return this.present[image]!.reduce((sum, label) => sum + this.change(label, 1), 0);
  }

  move(image: number, isVal: boolean): void {
    this.isVal[image] = isVal;
    for (const label of this.present[image]!) this.inVal[label]! += isVal ? 1 : -1;
  }

  /** Exchanges a validation image for a labelled one where that is better. */
  exchange(out: number, into: number): boolean {
    const before = this.score;
    this.move(out, false);
    this.move(into, true);
    if (this.score > before) return true;
    this.move(into, false);
    this.move(out, true);
    return false;
  }

  /** Classes of more than one image that only one side has. */
  get oneSided(): { readonly label: number; readonly inVal: boolean }[] {
    return this.total.flatMap((total, label) => {
      const inVal = this.inVal[label]!;
      return total > 0 && (inVal === 0 || inVal === total) ? [{ label, inVal: inVal > 0 }] : [];
    });
  }
}

/** Takes `count` images one after the other, each the one that brings most; among equals the order decides. */
function takeGreedily(division: Division, order: Iterable<number>, count: number, grows: number): void {
  const left = [...order];
  for (let taken = 0; taken < grows; taken++) {
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (const [place, image] of left.entries()) {
      const gain = division.gain(image);
      if (gain > most) [best, most] = [place, gain];
    }
    if (taken >= count && most <= 0) return;
    division.move(left[best]!, true);
    left.splice(best, 1);
  }
}

/** Exchanges images until no exchange helps. */
function improve(division: Division): void {
  let looks = 0;
  const { isVal } = division;
  for (let better = true; better; ) {
    better = false;
    for (let out = 0; out < isVal.length; out++) {
      for (let into = 0; into < isVal.length && isVal[out]; into++) {
        if (isVal[into]) continue;
        if (++looks > EXCHANGES) return;
        better = division.exchange(out, into) || better;
      }
    }
  }
}

export interface Drawn {
  /** Whether each image validates. */
  readonly isVal: readonly boolean[];
  /** Classes that only one side has: of one image alone, or because there is no better draw. */
  readonly oneSided: readonly { readonly label: number; readonly inVal: boolean }[];
}

/**
 * Draws the validation images: at random, but so that every class is among them and among the labelled ones where that can be done.
 * A class of one image alone is learnt from. Equal seeds draw the same.
 * @param present the classes of each labelled image.
 * @param asked how many validate (`validationCount`); left out, a fifth of them, and up to half where classes would be missing else.
 */
export function drawValidation(present: readonly (readonly number[])[], classes: number, seed: number, asked?: number): Drawn {
  const count = validationCount(present.length, asked);
  const grows = asked === undefined ? Math.max(count, Math.floor(present.length / 2)) : count;
  let best: Division | undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const division = new Division(present, classes);
    takeGreedily(division, random(seed, 'validation list', attempt).permutation(present.length), count, grows);
    if (division.score < division.most) improve(division);
    if (best === undefined || division.score > best.score) best = division;
    if (best.score === best.most) break;
  }
  return { isVal: best!.isVal, oneSided: best!.oneSided };
}

/** A list's text: a tab between the two where a name holds a blank, and after an image that stands alone. */
export function listText(samples: readonly { readonly image: string; readonly mask?: string }[]): string {
  return samples
    .map(({ image, mask }) => {
      const separator = /\s/.test(`${image}${mask ?? ''}`) ? '\t' : mask === undefined ? '' : ' ';
      return `${image}${separator}${mask ?? ''}\n`;
    })
    .join('');
}

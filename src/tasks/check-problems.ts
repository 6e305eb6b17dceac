/** What the examined files amount to: problems, a histogram of classes, sizes. Plain numbers, no files. */
import { IGNORE_LABEL, type LabelTable } from '../data/catalog/index.ts';
import type { Examination } from '../data/check/examine.ts';
import { allowedLabels } from '../data/loader/source.ts';
import type { Sample } from '../data/types.ts';
import type { CheckProblem, CheckResult, ClassCount, ClassHistogram, ListName } from './check-types.ts';

/** A sample of a list, and what its files hold. */
export interface Examined extends Examination {
  readonly list: ListName;
  readonly sample: Sample;
}

/** An image whose values differ by less than this of 255 shows nothing. */
const LITTLE_CONTRAST = 16;

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** Whether training can use the sample. */
export const isUsable = ({ faults, image, labels }: Examined): boolean =>
  faults.length === 0 && image !== undefined && (labels === undefined || labels.wrong.length === 0);

/** Files that cannot be used, and labels that are not allowed. */
export function fileErrors(examined: readonly Examined[], table: LabelTable): CheckProblem[] {
  return examined.flatMap(({ list, sample, faults, labels }): CheckProblem[] => [
    ...faults.map((fault) => ({ level: 'error' as const, list, ...fault })),
    ...(labels?.wrong ?? []).map(({ pixels, row, column, ...stored }): CheckProblem => {
      const file = sample.mask!;
      const text = `${file}: ${stored.colour ? `colour [${stored.colour.join(', ')}]` : `label ${stored.label}`} in ${plural(pixels, 'pixel')}, the first at row ${row}, column ${column}; allowed: ${allowedLabels(sample.labelTable ?? table)}`;
      return { level: 'error', kind: 'label_out_of_range', list, file, ...stored, pixels, row, column, text };
    }),
  ]);
}

/** Images of equal pixels that stand in lists which should share none. */
export function duplicates(examined: readonly Examined[]): CheckProblem[] {
  const groups = new Map<string, Examined[]>();
  for (const one of examined) {
    if (!one.image) continue;
    const group = groups.get(one.image.hash);
    if (group) group.push(one);
    else groups.set(one.image.hash, [one]);
  }
  const pair = (kind: CheckProblem['kind'], a: Examined, b: Examined): CheckProblem => ({
    level: 'warning',
    kind,
    list: a.list,
    file: a.sample.image,
    other: b.sample.image,
    other_list: b.list,
    text: `${a.sample.image} (${a.list}) has the pixels of ${b.sample.image} (${b.list})`,
  });
  return [...groups.values()].flatMap((group) => {
    const first = (list: ListName): Examined | undefined => group.find((one) => one.list === list);
    const of = (list: ListName): Examined[] => group.filter((one) => one.list === list);
    const train = first('labelled') ?? first('unlabelled');
    const labelled = first('labelled');
    return [
      ...(train ? of('val').map((one) => pair('duplicate_train_val', one, train)) : []),
      ...(labelled ? of('unlabelled').map((one) => pair('duplicate_labelled_unlabelled', one, labelled)) : []),
    ];
  });
}

/** What is odd about single images: nothing labelled, no contrast, a turn. */
export function imageWarnings(examined: readonly Examined[]): CheckProblem[] {
  return examined.flatMap(({ list, sample, image, labels, faults }): CheckProblem[] => {
    const found: CheckProblem[] = [];
    const warn = (kind: CheckProblem['kind'], file: string, text: string): void => {
      found.push({ level: 'warning', kind, list, file, text: `${file}: ${text}` });
    };
    if (labels && labels.wrong.length === 0 && labels.counts.every((pixels, label) => pixels === 0 || label === IGNORE_LABEL))
      warn('nothing_labelled', sample.mask!, 'every pixel is ignored');
    if (!image) return found;
    if (image.high - image.low < LITTLE_CONTRAST)
      warn(
        'no_contrast',
        sample.image,
        image.low === image.high ? `every value is ${image.low}` : `values from ${image.low} to ${image.high} of 255`,
      );
    if (labels && faults.length === 0) {
      if (image.turn === 'either')
        warn('turn_unclear', sample.image, 'its label map fits the turned and the stored image; taken as turned');
      if (image.turn === 'stored')
        warn('turn_left_out', sample.image, 'its label map fits the stored image, so it is not turned as predict would');
    }
    return found;
  });
}

/** Images whose sides, at `data.long_side`, leave parts of a crop empty even before it is scaled: one line for all. */
export function smallImages(examined: readonly Examined[], cropSize: number, longSide: number | null): CheckProblem[] {
  const training = examined.filter(({ list, image }) => list !== 'val' && image !== undefined);
  const small = training.filter(({ image }) => {
    const scale = longSide === null ? 1 : longSide / Math.max(image!.width, image!.height);
    return Math.round(Math.min(image!.width, image!.height) * scale) < cropSize;
  });
  if (small.length === 0) return [];
  const at = longSide === null ? '' : ` at data.long_side ${longSide}`;
  const text = `${small.length} of ${training.length} training images are smaller than data.crop_size ${cropSize} on a side${at}: the rest of their crops is padding`;
  return [{ level: 'warning', kind: 'smaller_than_crop', text }];
}

/** The pixels of one label in a list of so many that are not ignored. */
function countOf(lists: readonly Examined[], label: number, total: number): ClassCount {
  const each = lists.map(({ labels }) => labels?.counts[label] ?? 0);
  const pixels = each.reduce((sum, count) => sum + count, 0);
  return { pixels, share: total > 0 ? pixels / total : 0, images: each.filter((count) => count > 0).length };
}

/** Pixels and images of each class, and those to be ignored (a share of all pixels). */
export function histogram(examined: readonly Examined[], classes: readonly string[]): Pick<CheckResult, 'classes' | 'ignored'> {
  const side = (list: ListName) => {
    const lists = examined.filter((one) => one.list === list && one.labels);
    const sum = (labels: number): number =>
      lists.reduce((total, { labels: found }) => total + found!.counts.slice(0, labels).reduce((a, b) => a + b, 0), 0);
    const learnt = sum(classes.length);
    return {
      classes: classes.map((_, label) => countOf(lists, label, learnt)),
      ignored: countOf(lists, IGNORE_LABEL, sum(IGNORE_LABEL + 1)),
    };
  };
  const [labelled, val] = [side('labelled'), side('val')];
  return {
    classes: classes.map((name, label): ClassHistogram => ({ name, labelled: labelled.classes[label]!, val: val.classes[label]! })),
    ignored: { labelled: labelled.ignored, val: val.ignored },
  };
}

/** Classes that no pixel of the labelled, or of the validation list has. Where no label map could be read nothing is said of them. */
export function unseenClasses({ classes, ignored }: Pick<CheckResult, 'classes' | 'ignored'>): CheckProblem[] {
  const never = (kind: CheckProblem['kind'], list: 'labelled' | 'val', why: string): CheckProblem[] => {
    if (ignored[list].pixels === 0 && classes.every((one) => one[list].pixels === 0)) return [];
    return classes
      .filter((one) => one[list].pixels === 0)
      .map(({ name }) => ({ level: 'warning', kind, list, class: name, text: `class '${name}': ${why}` }));
  };
  return [
    ...never('class_never_labelled', 'labelled', 'no pixel of the labelled list has it, so it cannot be learnt'),
    ...never('class_never_in_val', 'val', 'no pixel of the validation list has it, so its IoU says nothing'),
  ];
}

/** Sizes of the images that can be read, the most frequent first. */
export function sizesOf(examined: readonly Examined[]): CheckResult['sizes'] {
  const counts = new Map<string, { width: number; height: number; images: number }>();
  for (const { image } of examined) {
    if (!image) continue;
    const { width, height } = image;
    const key = `${width} x ${height}`;
    counts.set(key, { width, height, images: (counts.get(key)?.images ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.images - a.images || b.width * b.height - a.width * a.height);
}

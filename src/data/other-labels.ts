/**
 * Label maps that stand in for the ones that a list names (Cityscapes: `_labelIds.png` for `_labelTrainIds.png`). Decided file by
 * file: the listed one where it is there, else the other one where that is there, else still the listed one, so that this is the
 * one to be missed.
 */
import { type Dataset, labelTable } from './catalog/dataset.ts';
import { missingOf } from './lists.ts';
import type { Sample } from './types.ts';

/** The samples, those whose label map another stands in for with that one and its table, and those whose list names the other kind. */
export async function findLabels(
  root: string,
  samples: readonly Sample[],
  { classes, otherLabels }: Pick<Dataset, 'classes' | 'otherLabels'>,
): Promise<Sample[]> {
  if (otherLabels === undefined) return [...samples];
  const { listed, ending, labelMap } = otherLabels;
  const otherOf = (mask: string): string => mask.slice(0, -listed.length) + ending;
  const masks = samples.flatMap(({ mask }) => (mask?.endsWith(listed) ? [mask] : []));
  const gone = await missingOf(root, masks);
  const nowhere = new Set(await missingOf(root, gone.map(otherOf)));
  const replaced = new Set(gone.filter((mask) => !nowhere.has(otherOf(mask))));
  // One table for all: it goes to every worker.
  const table = labelTable({ classes, labelMap });
  return samples.map((sample) => {
    if (sample.mask?.endsWith(ending)) return { ...sample, labelTable: table };
    return sample.mask !== undefined && replaced.has(sample.mask) ? { ...sample, mask: otherOf(sample.mask), labelTable: table } : sample;
  });
}

/** Labelled images that are not learnt from: the best weights are chosen by them, so that the validation list judges what was chosen without it. */
import { resolve } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { forEach } from '../base/for-each.ts';
import type { Config } from '../config/schema.ts';
import { IGNORE_LABEL, type LabelTable } from '../data/catalog/index.ts';
import { readLabels } from '../data/loader/index.ts';
import type { Sample } from '../data/types.ts';
import { drawValidation } from './init-lists.ts';

const classesOf = (root: string, samples: readonly Sample[], labelMap: LabelTable): Promise<number[][]> =>
  forEach(samples, async ({ mask, labelTable }) => {
    const { data } = await readLabels(resolve(root, mask!), labelTable ?? labelMap);
    return [...new Set(data)].filter((label) => label !== IGNORE_LABEL);
  });

/** @throws ConfigError where nothing would be left to learn from. */
export function checkHoldout(holdout: number, labelled: number): void {
  if (holdout > 0 && holdout >= labelled)
    throw new ConfigError(
      `data.holdout: ${holdout} of ${labelled} labelled images would leave none to learn from; allowed: at most ${labelled - 1}`,
    );
}

/**
 * Divides the labelled images: `data.holdout` of them, drawn from the seed so that every class is on both sides where that can be
 * done, are held out.
 * @throws ConfigError where nothing would be left to learn from; DataError for a label map that cannot be read.
 */
export async function holdOut(
  { data, seed }: Pick<Config, 'data' | 'seed'>,
  labelled: readonly Sample[],
  classes: number,
  labelMap: LabelTable,
): Promise<{ readonly labelled: Sample[]; readonly heldOut: Sample[] }> {
  if (data.holdout === 0) return { labelled: [...labelled], heldOut: [] };
  checkHoldout(data.holdout, labelled.length);
  const { isVal } = drawValidation(await classesOf(data.root, labelled, labelMap), classes, seed, data.holdout);
  return { labelled: labelled.filter((_, i) => !isVal[i]), heldOut: labelled.filter((_, i) => isVal[i]) };
}

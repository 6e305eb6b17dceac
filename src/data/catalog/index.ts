/**
 * The registry. Every file of this folder that is named for a dataset and exports `dataset` is in it, so that a new dataset is
 * one file here and one configuration.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { invariant } from '../../base/assert.ts';
import { ConfigError } from '../../base/errors.ts';
import { nearest } from '../../base/suggest.ts';
import { type Colour, type Dataset, IGNORE_LABEL, MAX_CLASSES, vocPalette } from './dataset.ts';

export {
  type Colour,
  colourKey,
  type Dataset,
  type EvalMode,
  IGNORE_LABEL,
  INVALID_LABEL,
  type LabelTable,
  labelTable,
  MAX_CLASSES,
  storedLabels,
  vocPalette,
} from './dataset.ts';

/** Files of this folder that are no datasets. */
const MACHINERY = ['index', 'dataset'];

async function loadCatalog(): Promise<ReadonlyMap<string, Dataset>> {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const names = readdirSync(here)
    .map((file) => /^([a-z0-9_-]+)\.(?:ts|js)$/.exec(file)?.[1])
    .filter((name) => name !== undefined)
    .filter((name) => !MACHINERY.includes(name))
    .sort();
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const found = new Map<string, Dataset>();
  for (const name of names) {
    const { dataset } = (await import(new URL(`./${name}.${extension}`, import.meta.url).href)) as { dataset?: Dataset };
    invariant(dataset?.name === name, `catalog/${name} does not export a dataset named '${name}'`);
    found.set(name, dataset);
  }
  return found;
}

/** All datasets by name. */
export const datasets: ReadonlyMap<string, Dataset> = await loadCatalog();

/** What a configuration may say about its dataset; null or absent keeps the catalog's. */
export interface DatasetOverrides {
  readonly classes?: readonly string[] | null;
  readonly palette?: readonly Colour[] | null;
  readonly labelMap?: Readonly<Record<number, number>> | null;
  readonly labelColours?: readonly Colour[] | null;
  readonly ignoreColours?: readonly Colour[] | null;
}

/** The dataset of this name. @throws ConfigError that lists the names. */
export function datasetNamed(name: string): Dataset {
  const dataset = datasets.get(name);
  if (dataset) return dataset;
  const allowed = [...datasets.keys()];
  const meant = nearest(name, allowed);
  throw new ConfigError(
    `data.dataset: there is no dataset '${name}'${meant ? `, did you mean '${meant}'?` : ''}; allowed: ${allowed.join(', ')}`,
  );
}

function checkLabelMap(labelMap: Readonly<Record<number, number>>, classes: number): void {
  const isLabel = (label: number): boolean => Number.isInteger(label) && label >= 0 && label <= IGNORE_LABEL;
  for (const [stored, train] of Object.entries(labelMap)) {
    if (!isLabel(Number(stored))) throw new ConfigError(`data.label_map: stored label ${stored} is not one of 0..255`);
    if (train === IGNORE_LABEL || (isLabel(train) && train < classes)) continue;
    throw new ConfigError(`data.label_map: ${stored} -> ${train}: allowed train labels: 0..${classes - 1}, and 255 to ignore`);
  }
}

/**
 * The catalog's dataset with what the configuration says instead. Without a palette, new classes get Pascal VOC's colours. Classes or a
 * label map of the configuration are about the files that the lists name: no others stand in for these then.
 * @throws ConfigError that names the key where the dataset is unknown, has no classes, or palette and map do not fit them.
 */
export function resolveDataset(name: string, overrides: DatasetOverrides = {}): Dataset {
  const base = datasetNamed(name);
  const classes = overrides.classes ?? base.classes;
  if (classes.length === 0) throw new ConfigError(`data.classes: dataset '${name}' needs the names of its classes, as a list`);
  if (classes.length > MAX_CLASSES) throw new ConfigError(`data.classes: ${classes.length} classes, allowed: at most ${MAX_CLASSES}`);
  const twice = classes.find((label, i) => classes.indexOf(label) !== i);
  if (twice !== undefined) throw new ConfigError(`data.classes: '${twice}' stands there twice`);
  const { labelColours, ignoreColours } = overrides;
  const palette = overrides.palette ?? labelColours ?? (overrides.classes ? vocPalette(classes.length) : base.palette);
  if (palette.length !== classes.length) {
    throw new ConfigError(`data.palette: ${palette.length} colours for ${classes.length} classes; allowed: one [red, green, blue] a class`);
  }
  const labelMap = overrides.labelMap ?? base.labelMap;
  if (labelMap) checkLabelMap(labelMap, classes.length);
  const { otherLabels, ...kept } = base;
  const own = Boolean(overrides.classes || overrides.labelMap);
  return {
    ...kept,
    classes,
    palette,
    ...(labelMap && { labelMap }),
    ...(labelColours && { labelColours, ignoreColours: ignoreColours ?? [] }),
    ...(otherLabels && !own && { otherLabels }),
  };
}

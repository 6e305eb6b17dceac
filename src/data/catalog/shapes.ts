import type { Dataset } from './dataset.ts';
import { SHAPES_CLASSES, SHAPES_PALETTE } from './shapes/classes.ts';

/** The small landscapes that `dssn quickstart` draws itself (`shapes/scene.ts`), with a long tail of classes. */
export const dataset: Dataset = { name: 'shapes', classes: SHAPES_CLASSES, palette: SHAPES_PALETTE, evalMode: 'original' };

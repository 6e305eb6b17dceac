/** Views of an iteration, made up from recipe numbers, for tests of methods and of the training step. */
import type { Views } from '../../src/methods/index.ts';
import { tensor } from '../../src/torch/index.ts';
import { recipeLabels, recipeTensor } from './recipe.ts';

/** float32 views of `batch` images of `crop` pixels; boxes of a quarter of the crop, none for the first image. */
export function madeUpViews(name: string, batch: number, crop: number, classes: number): Views & Required<Views> {
  const image = (part: string) => recipeTensor(`${name}/${part}`, [batch, 3, crop, crop], -2, 2).to('float32').contiguous('channels_last');
  const quarter = Math.floor(crop / 4);
  const boxes = () => Int32Array.from({ length: 4 * batch }, (_, i) => (i < 4 ? 0 : quarter));
  const unlabelled = (part: string) => ({
    weak: image(`${part}/weak`),
    strong1: image(`${part}/strong1`),
    strong2: image(`${part}/strong2`),
    valid: tensor(
      Uint8Array.from({ length: batch * crop * crop }, (_, i) => (i % crop < crop - 2 ? 1 : 0)),
      [batch, crop, crop],
    ).to('bool'),
    boxes1: boxes(),
    boxes2: boxes(),
  });
  return {
    labelled: { images: image('labelled'), labels: recipeLabels(`${name}/labels`, [batch, crop, crop], classes) },
    unlabelled: unlabelled('unlabelled'),
    mix: unlabelled('mix'),
  };
}

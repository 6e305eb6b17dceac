import { expect, it } from 'vitest';
import { parseConfig } from '../config/load.ts';
import { DeepLabV3Plus } from '../models/index.ts';
import { modelOf } from './shared.ts';

const base = JSON.stringify({
  method: 'supervised',
  model: { backbone: 'resnet10' },
  data: { dataset: 'shapes', root: '.', split: 'none', crop_size: 33 },
  train: { batch_size: 1, iterations: 1, lr: 0.1 },
});
const optionsWith = (...set: string[]) => modelOf(parseConfig(base, 'test', set), 9);

/** Names and shapes of all parameters. */
function shapeWith(...set: string[]): string {
  const network = new DeepLabV3Plus(optionsWith(...set));
  const shape = [...network.namedParameters()].map(([name, parameter]) => `${name} ${parameter.shape.join(' x ')}`).join();
  network.free();
  return shape;
}

it('builds the network that the configuration describes: every key of model counts', () => {
  const published = shapeWith();
  for (const change of ['model.backbone=resnet18', 'model.stem=standard', 'model.decoder_channels=8'])
    expect(shapeWith(change), change).not.toBe(published);
  expect(optionsWith('model.output_stride=8')).toEqual({ ...optionsWith(), outputStride: 8 });
  expect(optionsWith('model.aspp_dropout=0.5')).toEqual({ ...optionsWith(), asppDropout: 0.5 });
  expect(optionsWith('model.fuse_dropout=0.1')).toEqual({ ...optionsWith(), fuseDropout: 0.1 });
});

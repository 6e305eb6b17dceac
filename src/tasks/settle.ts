/** What a configuration leaves open for a run, decided once: where the backbone's first weights come from, its stem, how it is evaluated. */
import type { Config } from '../config/schema.ts';
import { RunFolder } from '../runs/folder.ts';
import { holdsCheckpoint } from '../runs/inspect.ts';
import { findPretrained, stemOf } from '../train/pretrained.ts';
import { datasetOf, hasStems, modeOf } from './shared.ts';

function stemFor({ model }: Config, pretrained: string | null): Config['model']['stem'] {
  if (model.stem !== 'auto') return model.stem;
  return pretrained !== null && hasStems(model.backbone) ? stemOf(pretrained) : 'deep';
}

/**
 * The configuration with `pretrained`, `model.stem` and `eval.mode` in place of `auto`: what a run writes down. A run that goes on
 * keeps the file that it began with, which only later rounds of self-training read again.
 * @throws CheckpointError where `auto` finds no file for a new run, or one that cannot be read.
 */
export function settle(config: Config, out: string, resume: boolean): Config {
  const earlier = resume && holdsCheckpoint(out) ? RunFolder.open(out).config : undefined;
  const asked = () => (config.pretrained === 'auto' ? findPretrained(config.model.backbone, config.data.root) : config.pretrained);
  const pretrained = earlier ? earlier.pretrained : asked();
  const stem = config.model.stem === 'auto' && earlier ? earlier.model.stem : stemFor(config, pretrained);
  const mode = modeOf(config, datasetOf(config).dataset);
  return { ...config, pretrained, model: { ...config.model, stem }, eval: { ...config.eval, mode } };
}

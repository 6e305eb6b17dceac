/** What a configuration leaves open for a run, decided once: where the backbone's first weights come from, its stem, how it is evaluated. */
import type { Config } from '../config/schema.ts';
import { methods } from '../methods/index.ts';
import { holdsCheckpoint, RunFolder } from '../runs/folder.ts';
import { findPretrained, stemOf } from '../train/pretrained.ts';
import { datasetOf, hasStems, modeOf } from './shared.ts';

function stemFor({ model }: Config, pretrained: string | null): Config['model']['stem'] {
  if (model.stem !== 'auto') return model.stem;
  return pretrained !== null && hasStems(model.backbone) ? stemOf(pretrained) : 'deep';
}

/**
 * The configuration with `pretrained`, `model.stem` and `eval.mode` in place of `auto`: what a run writes down. A run that goes on keeps what it began with, so that
 * the pretrained file may be gone by then, unless later rounds begin with it again.
 * @throws CheckpointError where a new run's pretrained file is not there, or cannot be read.
 */
export function settle(config: Config, out: string, resume: boolean): Config {
  const earlier = resume && holdsCheckpoint(out) ? RunFolder.open(out).config : undefined;
  // A run that began from scratch does not go on as one that began with a file: then the difference is told.
  const auto =
    earlier && earlier.pretrained !== null ? () => earlier.pretrained : () => findPretrained(config.model.backbone, config.data.root);
  // Later rounds of self-training begin with it again, so there it is not given anew either.
  const own = config.pretrained === 'auto' ? auto() : config.pretrained;
  const pretrained = earlier && methods[config.method](config).rounds ? earlier.pretrained : own;
  const stem = config.model.stem === 'auto' && earlier ? earlier.model.stem : stemFor(config, pretrained);
  const mode = modeOf(config, datasetOf(config).dataset);
  return { ...config, pretrained, model: { ...config.model, stem }, eval: { ...config.eval, mode } };
}

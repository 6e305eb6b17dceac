/**
 * Initial weights of the backbone from a file (SPEC section 2): names as in the field's checkpoints; `fc.*` is the classifier
 * of ImageNet and ignored, and for Xception the counters of its published training too; any other missing or unexpected key is an error that lists the keys.
 */
import { existsSync } from 'node:fs';
import { CheckpointError } from '../base/errors.ts';
import type { DeepLabV3Plus } from '../models/index.ts';
import { withTensors } from './weights.ts';

const prefix = 'backbone.';
const classifier = /^fc\./;
const xceptionExtras = /^fc\.|itr|tmp|track/;

/** Fills `network.backbone`; a file of a whole network gives its backbone too. */
export function loadPretrained(file: string, network: DeepLabV3Plus): void {
  if (!existsSync(file)) throw new CheckpointError(`pretrained: ${file} is not there`);
  if (/\.(pth|pt|bin|tar)$/.test(file))
    throw new CheckpointError(
      `pretrained: ${file}: PyTorch's own checkpoints are not read yet; allowed: a .safetensors file with the same names`,
    );
  const ignored = network.options.backbone === 'xception' ? xceptionExtras : classifier;
  withTensors(file, (tensors) => {
    const whole = [...tensors.keys()].some((name) => name.startsWith(prefix));
    const named = [...tensors].flatMap(([name, tensor]) => {
      if (whole) return name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [];
      return ignored.test(name) ? [] : [[name, tensor] as const];
    });
    network.backbone.load(new Map(named), file);
  });
}

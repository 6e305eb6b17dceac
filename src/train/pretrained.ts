/**
 * Initial weights of the backbone from a file (SPEC section 2): names as in the field's checkpoints; `fc.*` is the classifier
 * of ImageNet and ignored, and for Xception the counters of its published training too; any other missing or unexpected key is an error that lists the keys.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CheckpointError } from '../base/errors.ts';
import { readWeightsFile } from '../formats/weights-file.ts';
import type { BackboneName, DeepLabV3Plus, Stem } from '../models/index.ts';
import { withTensors } from './weights.ts';

const prefix = 'backbone.';
/** What a file of a whole network holds beside its backbone. */
const rest = /^(head|reduce|fuse|classifier)\./;
/** The field's folder for such files, and the endings they have there. */
const folder = 'pretrained';
const endings = ['.pth', '.safetensors'];

/** What only one backbone's files hold beside its weights: leftovers of the published Xception's conversion. */
const leftovers: Readonly<Record<string, RegExp>> = { xception: /itr|tmp|track/ };

const sources =
  "such files come from torchvision (its ImageNet ResNets, of the standard stem), and from the links in UniMatch's and ST++'s READMEs (the published ResNet-50 and ResNet-101 with the deep stem, Xception-65)";

/** Whether a key of a file of backbone weights is passed over. */
export function isIgnored(backbone: string, key: string): boolean {
  return key.startsWith('fc.') || leftovers[backbone]?.test(key) === true;
}

const placesOf = (backbone: BackboneName, root: string): string[] =>
  ['.', root].flatMap((base) => endings.map((ending) => resolve(base, join(folder, backbone + ending))));

/** The file that `pretrained: auto` would take, if there is one. */
export const lookForPretrained = (backbone: BackboneName, root: string): string | undefined =>
  placesOf(backbone, root).find((place) => existsSync(place));

/**
 * The file that `pretrained: auto` means: `pretrained/BACKBONE.pth` or `.safetensors`, below the working directory, then below
 * the data's root. @throws CheckpointError that lists where it was looked for.
 */
export function findPretrained(backbone: BackboneName, root: string): string {
  const found = lookForPretrained(backbone, root);
  if (found !== undefined) return found;
  throw new CheckpointError(
    `pretrained: auto found no weights of ${backbone}; looked for ${placesOf(backbone, root).join(', ')}; ${sources}`,
  );
}

function checkThere(file: string): void {
  if (!existsSync(file)) throw new CheckpointError(`pretrained: ${file} is not there; ${sources}`);
}

/** The stem of a file's backbone: `conv1.weight` is the standard one's. */
export function stemOf(file: string): Stem {
  checkThere(file);
  const { tensors } = readWeightsFile(file);
  return tensors.has('conv1.weight') || tensors.has(`${prefix}conv1.weight`) ? 'standard' : 'deep';
}

/** Fills `network.backbone` from a .pth or .safetensors file; a file of a whole network gives its backbone too. */
export function loadPretrained(file: string, network: DeepLabV3Plus): void {
  checkThere(file);
  withTensors(file, (tensors) => {
    const whole = [...tensors.keys()].some((name) => name.startsWith(prefix));
    const named = [...tensors].flatMap(([name, tensor]) => {
      if (whole && rest.test(name)) return [];
      const own = whole && name.startsWith(prefix) ? name.slice(prefix.length) : name;
      return isIgnored(network.options.backbone, own) ? [] : [[own, tensor] as const];
    });
    network.backbone.load(new Map(named), file);
  });
}

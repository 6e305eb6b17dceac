/** Which network a state dict is of, by its names and shapes: for checkpoints of the field, which do not say it. */
import { CheckpointError } from '../base/errors.ts';
import { shown } from '../base/shown.ts';
import { scope } from '../torch/index.ts';
import type { Stem } from './backbone.ts';
import type { ModelOptions } from './deeplabv3plus.ts';
import { type BackboneName, backboneNames, backbones } from './registry.ts';

type Shapes = ReadonlyMap<string, readonly number[]>;

const prefix = 'backbone.';
/** Only ResNets have a choice. */
const stemsOf = (backbone: BackboneName): readonly Stem[] => (backbone === 'xception' ? ['deep'] : ['deep', 'standard']);
/** A missing one is no error (SPEC section 2). */
const isCounter = (name: string): boolean => name.endsWith('num_batches_tracked');

/** The names whose shapes differ, or that only one of two has. */
function differing(a: Shapes, b: Shapes): string[] {
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].filter((name) => !isCounter(name) && a.get(name)?.join() !== b.get(name)?.join());
}

function shapesOf(backbone: BackboneName, stem: Stem): Shapes {
  using _ = scope();
  // The output stride changes no shape.
  const state = backbones[backbone]({ stem, outputStride: 16 }).stateDict();
  return new Map([...state].map(([name, { shape }]) => [name, shape]));
}

/** The backbone whose names and shapes these are. @throws CheckpointError that names the nearest one. */
function inferBackbone(shapes: Shapes, source: string): { backbone: BackboneName; stem: Stem } {
  const own = new Map(
    [...shapes].flatMap(([name, shape]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), shape] as const] : [])),
  );
  let nearest: { backbone: BackboneName; stem: Stem; different: string[] } | undefined;
  for (const backbone of backboneNames)
    for (const stem of stemsOf(backbone)) {
      const different = differing(own, shapesOf(backbone, stem));
      if (different.length === 0) return { backbone, stem };
      if (!nearest || different.length < nearest.different.length) nearest = { backbone, stem, different };
    }
  const { backbone, stem, different } = nearest!;
  const few = different.slice(0, 8).map(shown).join(', ');
  throw new CheckpointError(
    `${source}: its backbone is none of ${backboneNames.join(', ')}; nearest is ${backbone} with the ${stem} stem, of which ${different.length} keys differ: ${few}`,
  );
}

/**
 * The options that shapes alone tell; output stride and dropout leave no trace in them.
 * @param shapes by name, of a whole network: `backbone.*`, `head.*`, `reduce.*`, `fuse.*`, `classifier.*`.
 * @throws CheckpointError where they are of no DeepLabV3+ with a backbone that is known.
 */
export function inferModel(
  shapes: Shapes,
  source: string,
): Required<Pick<ModelOptions, 'backbone' | 'stem' | 'classes' | 'decoderChannels'>> {
  const classifier = shapes.get('classifier.weight');
  if (classifier?.length !== 4)
    throw new CheckpointError(
      `${source}: not the weights of a DeepLabV3+: it has no classifier.weight [classes, channels, 1, 1]; its keys: ${[...shapes.keys()].slice(0, 8).map(shown).join(', ')}`,
    );
  const [classes, decoderChannels] = classifier as [number, number];
  // Checked before a network of these sizes is built: a file may claim any.
  const claimed = { 'classifier.bias': [classes], 'fuse.1.weight': [decoderChannels], 'fuse.4.weight': [decoderChannels] };
  for (const [name, shape] of Object.entries(claimed))
    if (classes < 1 || shapes.get(name)?.join() !== shape.join())
      throw new CheckpointError(
        `${source}: classifier.weight is [${classifier.join(', ')}], of so many classes and channels, but ${name} is [${shapes.get(name)?.join(', ') ?? 'missing'}]; allowed: [${shape.join(', ')}]`,
      );
  return { ...inferBackbone(shapes, source), classes, decoderChannels };
}

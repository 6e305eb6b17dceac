/** A configuration and its lists as the phases of a run, before anything is built. */
import type { Config } from '../config/schema.ts';
import type { Split } from '../data/lists.ts';
import { workersFor } from '../data/loader/index.ts';
import type { Sample } from '../data/types.ts';
import { methods } from '../methods/index.ts';
import type { Device } from '../torch/index.ts';
import { lengthOf, type Phase, type Plan, samplesOf } from './phase.ts';
import { roundsOf } from './self-training.ts';
import { datasetOf } from './shared.ts';

/** What all phases of a run are made from. @param heldOut labelled images that the split's list has no more (`holdOut`). */
export function planOf(config: Config, split: Split, device: Device, heldOut: readonly Sample[] = []): Plan {
  const { dataset, labelMap } = datasetOf(config);
  const loading = {
    root: config.data.root,
    labelMap,
    cropSize: config.data.crop_size,
    longSide: config.data.long_side,
    scaleBase: config.data.scale_base,
    numAug: config.data.num_aug,
    cutmixPartner: config.data.cutmix_partner,
    seed: config.seed,
    rank: 0,
    world: 1,
    workers: workersFor(config.data.workers),
  };
  return { config, method: methods[config.method](config), dataset, labelMap, split, heldOut, loading, device };
}

/** A whole run as one phase, or a self-training's rounds. @throws ConfigError where a list is too short for a batch. */
export function phasesOf(plan: Plan): Phase[] {
  const { config, method, split } = plan;
  if (method.rounds) return roundsOf(plan, method.rounds);
  const samples = samplesOf(method.usesUnlabelled, split, config.train.batch_size);
  return [{ first: 0, ...lengthOf(plan, samples), seed: config.seed, samples }];
}

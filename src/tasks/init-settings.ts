/** Settings of a training that suit the images, their number and the machine. */
import type { Config } from '../config/schema.ts';
import type { ImageSize } from '../data/decode/image-size.ts';

/** What of the machine matters. Memory in GB of 2^30 bytes. */
export interface Machine {
  readonly cores: number;
  readonly memory: number;
  readonly cuda: boolean;
  readonly precision: Config['train']['precision'];
}

/** What of the images matters. */
export interface Counts {
  readonly labelled: number;
  readonly unlabelled: number;
}

export interface Settings {
  readonly method: 'dssn' | 'supervised';
  readonly backbone: Config['model']['backbone'];
  readonly stem: 'auto' | 'standard';
  readonly decoder_channels: number;
  readonly long_side: number | null;
  readonly crop_size: number;
  readonly batch_size: number;
  readonly iterations: number;
  readonly burn_in: number;
  readonly lr: number;
  readonly lr_multi: number;
  readonly precision: Config['train']['precision'];
  readonly eval_every: number;
}

/** A machine's means: the long side that images are brought to, and what is trained on them. */
interface Tier extends Pick<Settings, 'backbone' | 'stem' | 'decoder_channels' | 'iterations'> {
  readonly longSide: number;
  readonly batch: number;
  /** Side of a crop as a share of the long side, and the largest. */
  readonly cropShare: number;
  readonly mostCrop: number;
}

/** The small one is `configs/camvid.yaml`, tried on two cores; the large one has the published crop and decoder. */
const CPU: Tier = {
  backbone: 'resnet18',
  stem: 'standard',
  decoder_channels: 64,
  longSide: 240,
  batch: 4,
  cropShare: 0.4,
  mostCrop: 321,
  iterations: 3000,
};
const tiers: readonly (readonly [fewestCores: number, tier: Tier])[] = [
  [16, { ...CPU, backbone: 'resnet34', longSide: 480, iterations: 8000 }],
  [6, { ...CPU, longSide: 320, iterations: 6000 }],
  [1, CPU],
];
const GPU: Tier = {
  backbone: 'resnet50',
  stem: 'auto',
  decoder_channels: 256,
  longSide: 1024,
  batch: 8,
  cropShare: 0.7,
  mostCrop: 321,
  iterations: 20_000,
};

/** Features are a 16th of the crop's side, both ends included: sides of 16 k + 1 pixels lose nothing at the border. */
const STRIDE = 16;
const LEAST_CROP = 33;
/** Small images are taken nearly whole. */
const SMALL_CROP = 65;
/** Free memory (GB) below which the batch is halved. */
const LITTLE_MEMORY = 3;
const EVALUATIONS = 6;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const gridded = (side: number, round: (value: number) => number): number => STRIDE * round(side / STRIDE) + 1;

/** Long side at which images are seen, and the crop of it. */
function sizesFor(sizes: readonly ImageSize[], tier: Tier): Pick<Settings, 'long_side' | 'crop_size'> {
  const long = median(sizes.map(({ width, height }) => Math.max(width, height)));
  const short = median(sizes.map(({ width, height }) => Math.min(width, height)));
  const seen = Math.min(long, tier.longSide);
  const whole = gridded((short * seen) / long, Math.ceil);
  const wanted = Math.max(gridded(tier.cropShare * seen, Math.round), Math.min(SMALL_CROP, whole));
  return {
    long_side: long > tier.longSide ? tier.longSide : null,
    crop_size: Math.max(LEAST_CROP, Math.min(wanted, whole, tier.mostCrop)),
  };
}

/**
 * Images of a batch, and how much of the run learns from labels alone first. That part, and method supervised, need twice the batch of
 * labelled images; with fewer than four there is none, and the batch repeats them.
 */
function batchFor({ labelled, unlabelled }: Counts, wanted: number): Pick<Settings, 'batch_size' | 'burn_in'> {
  const half = Math.floor(labelled / 2);
  if (unlabelled === 0) return { batch_size: Math.min(wanted, half), burn_in: 0 };
  if (half >= 2) return { batch_size: Math.min(wanted, half), burn_in: 0.5 };
  return { batch_size: Math.min(wanted, Math.max(labelled, unlabelled)), burn_in: 0 };
}

/** @param sizes of some images; at least one. */
export function chooseSettings(sizes: readonly ImageSize[], counts: Counts, machine: Machine): Settings {
  const tier = machine.cuda ? GPU : tiers.find(([cores]) => machine.cores >= cores)![1];
  const little = !machine.cuda && machine.memory < LITTLE_MEMORY;
  const { batch_size, burn_in } = batchFor(counts, little ? tier.batch / 2 : tier.batch);
  return {
    method: counts.unlabelled > 0 ? 'dssn' : 'supervised',
    backbone: tier.backbone,
    stem: tier.stem,
    decoder_channels: tier.decoder_channels,
    ...sizesFor(sizes, tier),
    batch_size,
    burn_in,
    iterations: tier.iterations,
    lr: 0.02,
    lr_multi: 1,
    precision: machine.cuda ? 'fp32' : machine.precision,
    eval_every: Math.round(tier.iterations / EVALUATIONS),
  };
}

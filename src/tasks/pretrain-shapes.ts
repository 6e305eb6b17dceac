/**
 * Makes the backbone that `dssn quickstart` starts from, as ImageNet's stand-in: a small ResNet learns which classes are in
 * crops of drawn pictures of a seed of their own, taken on sunny summer days. It is told which classes a crop of 65 pixels
 * shows, never where. It sees no other season, hour or weather: one that had seen all left DSSN no gap between labelled and
 * unlabelled pictures to close (docs/log.md, "How much there is to gain on drawn pictures").
 * Legend: N images, K classes.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { imagesToTensor } from '../batch/index.ts';
import { datasetNamed, labelTable } from '../data/catalog/index.ts';
import { writeShapes } from '../data/catalog/shapes/write.ts';
import { loadSplit } from '../data/lists.ts';
import { type TrainBatch, TrainLoader, type TrainLoaderOptions, workersFor } from '../data/loader/index.ts';
import { meanCrossEntropy } from '../losses/index.ts';
import { type Backbone, type BackboneName, backbones, type Stem } from '../models/index.ts';
import { Conv2d, GlobalAveragePool, initialise, Module } from '../nn/index.ts';
import { polyRate, Sgd } from '../optim/index.ts';
import { type Device, noGrad, scope, type Tensor, tensor } from '../torch/index.ts';
import { inPrecision } from '../train/step.ts';
import { saveTensors } from '../train/weights.ts';
import { bestPrecision, openDevice } from './shared.ts';
import type { Reporter } from './types.ts';

export interface PretrainShapesOptions {
  /** The .safetensors file to write. */
  readonly out: string;
  /** Folder for the drawn pictures; it is emptied. */
  readonly data: string;
  readonly seed: number;
  readonly pictures: number;
  readonly iterations: number;
  readonly backbone: BackboneName;
  readonly stem: Stem;
  readonly threads: 'auto' | number;
  readonly reporter: Reporter;
}

const batchSize = 32;
const cropSize = 65;
const size = { width: 128, height: 96 };
const learningRate = 0.05;
/** A class is in a crop from this many of its 4225 pixels on. */
const leastPixels = 24;
/** The pictures that accuracy is taken on, of the seed after; whole batches. */
const heldOut = 3 * batchSize;

class TagNetwork extends Module {
  readonly classifier: Conv2d;
  readonly pool = new GlobalAveragePool();

  constructor(
    readonly backbone: Backbone,
    readonly classes: number,
  ) {
    super();
    this.classifier = new Conv2d(backbone.highChannels, 2 * classes, 1, { bias: true });
  }

  /** [N, 3, H, W] -> logits [N, 2, K]: absent, present. */
  forward(image_N3HW: Tensor, train: boolean): Tensor {
    const { high } = this.backbone.features(image_N3HW, train);
    return this.classifier.forward(this.pool.forward(high)).reshape(image_N3HW.size(0), 2, this.classes);
  }
}

/** Which classes each crop shows: int64 [N, K], 1 or 0. */
function tagsOf({ labelled }: TrainBatch, classes: number): Tensor {
  const pixels = cropSize ** 2;
  const tags = new BigInt64Array(batchSize * classes);
  for (let n = 0; n < batchSize; n++) {
    const counts = new Uint32Array(256);
    for (let i = n * pixels; i < (n + 1) * pixels; i++) counts[labelled.labels[i]!]!++;
    for (let k = 0; k < classes; k++) tags[n * classes + k] = counts[k]! >= leastPixels ? 1n : 0n;
  }
  return tensor(tags, [batchSize, classes]);
}

/** Runs `use` with the images [N, 3, H, W] and the tags [N, K] of every batch. */
async function eachBatch(
  options: TrainLoaderOptions,
  { classes, device }: { readonly classes: number; readonly device: Device },
  use: (images: Tensor, tags: Tensor, iteration: number) => void,
): Promise<void> {
  const loader = new TrainLoader(options);
  try {
    for (let iteration = 0; iteration < options.iterations; iteration++) {
      const batch = await loader.next();
      using _ = scope();
      const images = imagesToTensor(batch.labelled.images, [batchSize, cropSize, cropSize], device);
      const tags = tagsOf(batch, classes).to(device);
      batch.release();
      use(images, tags, iteration);
    }
  } finally {
    await loader.close();
  }
}

function saveBackbone(out: string, { backbone }: TagNetwork, seed: number): void {
  using _ = scope();
  const state = [...backbone.stateDict()].filter(([name]) => !name.endsWith('num_batches_tracked'));
  const halves = state.map(([name, value]) => [name, value.to('float16')] as const);
  saveTensors(out, halves, { made_by: 'npm run pretrain:shapes', seed: String(seed) });
}

export interface PretrainShapesResult {
  /** Share of the tags of held-out pictures, of all days, that the network guesses right. */
  readonly accuracy: number;
  /** The same for the answer that is right more often, class by class: what is to be beaten. */
  readonly majorityAccuracy: number;
}

/** Draws the pictures, trains, and writes the backbone's weights in half precision. */
export async function pretrainShapes(options: PretrainShapesOptions): Promise<PretrainShapesResult> {
  const { out, data, seed, pictures, iterations, backbone, stem, reporter } = options;
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  reporter.start(pictures + 1 + heldOut, 'drawing', { unit: 'picture' });
  await writeShapes(data, {
    labelled: pictures,
    labelledAre: 'sunny-summer',
    unlabelled: 1,
    validation: heldOut,
    seed,
    validationSeed: seed + 1,
    size,
    onProgress: (done) => reporter.update({ iteration: done }),
  });
  reporter.end();

  const dataset = datasetNamed('shapes');
  const classes = dataset.classes.length;
  const device = openDevice({ device: 'auto', threads: options.threads });
  const network = new TagNetwork(backbones[backbone]({ stem, outputStride: 16 }), classes);
  initialise(network, seed, (path) => path.startsWith('backbone.'));
  network.to(device).trainable(true);
  const group = { parameters: [...network.namedParameters()], learningRate };
  const optimiser = new Sgd([group], { momentum: 0.9, weightDecay: 1e-4 });
  const { labelled, val } = loadSplit(dataset, data, 'quickstart');
  const loading = {
    root: data,
    unlabelled: [],
    labelMap: labelTable(dataset),
    cropSize,
    longSide: null,
    scaleBase: null,
    batchSize,
    numAug: 0,
    cutmixPartner: 'same' as const,
    seed,
    rank: 0,
    world: 1,
    startIteration: 0,
    workers: workersFor('auto'),
  };

  reporter.start(iterations, 'pretraining');
  await eachBatch({ ...loading, labelled, iterations }, { classes, device }, (images, tags, iteration) => {
    group.learningRate = polyRate(learningRate, iteration, iterations, 0.9);
    const loss = meanCrossEntropy(inPrecision(bestPrecision(), device, () => network.forward(images, true)).to('float32'), tags);
    loss.backward();
    optimiser.step();
    reporter.update({ iteration: iteration + 1, losses: { loss: loss.item() }, lr: group.learningRate });
  });
  reporter.end();

  let right = 0;
  const present = new Array<number>(classes).fill(0);
  const batches = heldOut / batchSize;
  await eachBatch({ ...loading, labelled: val, iterations: batches }, { classes, device }, (images, tags) => {
    right += noGrad(() => network.forward(images, false).argmax(1))
      .eq(tags)
      .sum()
      .item();
    for (const [i, tag] of (tags.toTyped() as BigInt64Array).entries()) present[i % classes]! += Number(tag);
  });
  saveBackbone(out, network, seed);
  network.free();
  optimiser.free();
  const majority = present.reduce((sum, count) => sum + Math.max(count, heldOut - count), 0);
  return { accuracy: right / (heldOut * classes), majorityAccuracy: majority / (heldOut * classes) };
}

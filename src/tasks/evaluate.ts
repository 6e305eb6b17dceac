/** `dssn evaluate`: mIoU of a run's weights, or of a checkpoint's, on a list of images. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError, DataError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { asSeen, loadSplit, readList } from '../data/lists.ts';
import { EvalLoader } from '../data/loader/index.ts';
import { RunFolder } from '../runs/folder.ts';
import { evaluateNetworks } from '../train/evaluate.ts';
import { datasetOf, openDevice, viewingOf, withLabels } from './shared.ts';
import type { EvaluateOptions, EvaluateResult } from './types.ts';
import { type OpenedWeights, openCheckpoint, openRunWeights } from './weights.ts';

/** The configuration and the file of weights that the options name, and how the file is opened. */
function sourceOf(options: EvaluateOptions): { config: Config; weights: string; open: () => OpenedWeights } {
  if ('checkpoint' in options) {
    const { checkpoint, config } = options;
    if (!existsSync(checkpoint)) throw new ConfigError(`--checkpoint: ${checkpoint} is not there`);
    return { config, weights: checkpoint, open: () => openCheckpoint(checkpoint, config) };
  }
  const run = RunFolder.open(options.run);
  const weights = run.weightsFile(options.weights);
  return { config: run.config, weights, open: () => openRunWeights(weights, run, { sameClasses: true }) };
}

/**
 * Evaluates on the validation list of the run or of the configuration, or on another list and root.
 * @throws CheckpointError for a run without such weights, or for weights of other classes; DataError for images that cannot be used;
 * the signal's reason when it aborts.
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluateResult> {
  const { reporter } = options;
  const { config, weights, open } = sourceOf(options);
  const device = openDevice({ device: options.device ?? 'auto', threads: config.threads });
  const { dataset, labelMap } = datasetOf(config);
  const { network, data } = open();
  network.to(device);
  const root = options.data === undefined ? config.data.root : resolve(options.data);
  const listed =
    options.list === undefined
      ? loadSplit(dataset, root, config.data.split, { labelledOnly: true }).val
      : readList(options.list).map((sample) => asSeen(sample, dataset));
  const bare = listed.find(({ mask }) => mask === undefined);
  if (bare) throw new DataError(`${options.list}: ${bare.image} has no label map; evaluation needs one for every image`);
  const samples = await withLabels(root, listed, dataset, reporter);
  reporter.start(samples.length, 'evaluate', { unit: 'image' });
  const items = new EvalLoader({ root, samples, longSide: data.longSide, labelMap });
  const viewing = viewingOf({ ...data, mode: options.mode ?? data.mode }, options.tta || config.eval.tta, device);
  const result = await evaluateNetworks([network], items, data.classes, viewing, {
    onImage: (done) => reporter.update({ iteration: done }),
    signal: options.signal,
  });
  reporter.end();
  network.free();
  if (!result) throw options.signal!.reason;
  return { ...result.scores[0]!, images: result.images, mode: viewing.mode, tta: viewing.tta, weights };
}

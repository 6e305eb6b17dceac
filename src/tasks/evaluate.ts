/** `dssn evaluate`: mIoU of a run's weights on a list of images. */
import { resolve } from 'node:path';
import { CheckpointError, DataError } from '../base/errors.ts';
import { loadSplit, readList } from '../data/lists.ts';
import { EvalLoader } from '../data/loader/index.ts';
import { RunFolder } from '../runs/folder.ts';
import { evaluateNetworks } from '../train/evaluate.ts';
import { openNetwork } from '../train/weights.ts';
import { datasetOf, openDevice, viewingOf, withLabels } from './shared.ts';
import type { EvaluateOptions, EvaluateResult } from './types.ts';

/**
 * Evaluates on the run's own validation list, or on another list and root.
 * @throws CheckpointError for a run without such weights, or for weights of other classes; DataError for images that cannot be used;
 * the signal's reason when it aborts.
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluateResult> {
  const { reporter } = options;
  const run = RunFolder.open(options.run);
  const { config } = run;
  const weights = run.weightsFile(options.weights);
  const device = openDevice({ device: options.device ?? 'auto', threads: config.threads });
  const { dataset, labelMap } = datasetOf(config);
  const { network, data } = openNetwork(weights);
  if (data.classes.join() !== dataset.classes.join())
    throw new CheckpointError(
      `${weights} knows ${data.classes.length} classes (${data.classes.join(', ')}), the data of ${options.run} have ${dataset.classes.length} (${dataset.classes.join(', ')}); allowed: weights for the same classes`,
    );
  network.to(device);
  const root = options.data === undefined ? config.data.root : resolve(options.data);
  const listed =
    options.list === undefined ? loadSplit(dataset, root, config.data.split, { labelledOnly: true }).val : readList(options.list);
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

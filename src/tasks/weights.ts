/** Opening files of weights for a configuration: whatever does not say what it is, is measured by what the configuration says. */
import { CheckpointError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import type { DeepLabV3Plus, ModelOptions } from '../models/index.ts';
import type { RunFolder } from '../runs/folder.ts';
import { type DataDescription, openNetwork } from '../train/weights.ts';
import { datasetOf, describeData, hasStems } from './shared.ts';

export interface OpenedWeights {
  readonly network: DeepLabV3Plus;
  readonly data: DataDescription;
}

/** What a configuration says otherwise than a file: `key value, the file has value`. */
function mismatches({ model }: Config, classes: number, file: ModelOptions): string[] {
  const { stem = 'deep', outputStride = 16, decoderChannels = 256 } = file;
  const pairs: [key: string, said: string | number, found: string | number][] = [
    ['model.backbone', model.backbone, file.backbone],
    ['model.stem', model.stem === 'auto' || !hasStems(file.backbone) ? stem : model.stem, stem],
    ['model.output_stride', model.output_stride, outputStride],
    ['model.decoder_channels', model.decoder_channels, decoderChannels],
    ['number of classes', classes, file.classes],
  ];
  return pairs.filter(([, said, found]) => said !== found).map(([key, said, found]) => `${key} is ${said}, the file's is ${found}`);
}

/**
 * A checkpoint by itself, on the data of a configuration: backbone, stem, decoder and number of classes come from the file.
 * @throws CheckpointError that lists where the configuration says otherwise.
 */
export function openCheckpoint(file: string, config: Config): OpenedWeights {
  const data = describeData(config, datasetOf(config).dataset);
  const { network } = openNetwork(file, { data, outputStride: config.model.output_stride });
  const wrong = mismatches(config, data.classes.length, network.options);
  if (wrong.length === 0) return { network, data };
  network.free();
  throw new CheckpointError(
    `${file} is of another network than the configuration says: ${wrong.join('; ')}; allowed: the same, by --set or in the configuration`,
  );
}

/**
 * Weights that belong to a run, or are used in its place. A file that does not say what it is has the run's classes.
 * @param sameClasses refuses weights of other classes than the run's data have.
 * @throws CheckpointError where the number of classes, or with `sameClasses` their names, are others.
 */
export function openRunWeights(file: string, run: RunFolder, { sameClasses }: { readonly sameClasses: boolean }): OpenedWeights {
  const data = describeData(run.config, datasetOf(run.config).dataset);
  const opened = openNetwork(file, { data, outputStride: run.config.model.output_stride });
  const known = opened.data.classes;
  const count = opened.network.options.classes;
  if (known.length === count && (!sameClasses || known.join() === data.classes.join())) return opened;
  opened.network.free();
  const names = known.length === count ? ` (${known.join(', ')})` : '';
  throw new CheckpointError(
    `${file} knows ${count} classes${names}, the data of ${run.path} have ${data.classes.length} (${data.classes.join(', ')}); allowed: weights for the same classes`,
  );
}

/** What several tasks begin with: the data of a configuration, the device, the way images are seen. */
import { ConfigError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { type Dataset, type EvalMode, type LabelTable, resolveDataset, storedLabels } from '../data/catalog/index.ts';
import { checkFiles } from '../data/lists.ts';
import { findLabels } from '../data/other-labels.ts';
import type { Sample } from '../data/types.ts';
import { methods } from '../methods/index.ts';
import type { ModelOptions } from '../models/index.ts';
import { type Device, engineInfo, setThreads } from '../torch/index.ts';
import type { Viewing } from '../train/evaluate.ts';
import type { DataDescription } from '../train/weights.ts';
import { cpuInfo } from './machine.ts';
import type { Reporter } from './types.ts';

/** The dataset of a configuration with its own classes, palette and label map, if it names any. */
export function datasetOf({ data }: Config): { dataset: Dataset; labelMap: LabelTable } {
  const { classes, palette, label_map: labelMap, label_colours: labelColours, ignore_colours: ignoreColours } = data;
  const dataset = resolveDataset(data.dataset, { classes, palette, labelMap, labelColours, ignoreColours });
  return { dataset, labelMap: storedLabels(dataset) };
}

/** How validation images are seen: as the configuration says, else as the dataset does; by self-training whole (SPEC section 8b). */
export function modeOf(config: Config, { evalMode }: Dataset): EvalMode {
  if (config.eval.mode !== 'auto') return config.eval.mode;
  return methods[config.method](config).rounds ? 'original' : evalMode;
}

/**
 * Samples that need labels, each with the label map that is there; says so where these are not the listed ones.
 * @throws DataError that names the missing files.
 */
export async function withLabels(root: string, samples: readonly Sample[], dataset: Dataset, reporter: Reporter): Promise<Sample[]> {
  const found = await findLabels(root, samples, dataset);
  const others = found.filter(({ mask }, i) => mask !== samples[i]!.mask).length;
  if (others > 0) {
    const { listed, ending } = dataset.otherLabels!;
    reporter.note(
      `${others} of ${found.length} label maps are read from files *${ending}, since *${listed} of the same name are not there`,
    );
  }
  await checkFiles(root, found);
  return found;
}

/** The device that a configuration names, with its threads set: explicitly, since one engine starts with all hyper-threads and another with one. @throws ConfigError when the machine has no such device. */
export function openDevice(config: Pick<Config, 'device' | 'threads'>): Device {
  const { cudaDevices } = engineInfo();
  setThreads(config.threads === 'auto' ? cpuInfo().physicalCores : config.threads);
  if (config.device === 'auto') return cudaDevices > 0 ? 'cuda:0' : 'cpu';
  if (config.device === 'cpu') return 'cpu';
  const index = /^cuda:(\d+)$/.exec(config.device)?.[1];
  if (index !== undefined && Number(index) < cudaDevices) return `cuda:${Number(index)}`;
  throw new ConfigError(
    `device: ${config.device} is not there; allowed here: auto, cpu${Array.from({ length: cudaDevices }, (_, i) => `, cuda:${i}`).join('')}`,
  );
}

/** Iterations at the start of a run of this length that learn from labelled images alone. */
export const burnInIterations = ({ train }: Config, iterations: number): number => Math.floor(train.burn_in * iterations);

/** Whether `model.stem` means anything to a backbone. */
export const hasStems = (backbone: Config['model']['backbone']): boolean => backbone.startsWith('resnet');

/** The network that a configuration describes. A stem that no pretrained file has decided (`settle`) is the published one. */
export const modelOf = ({ model }: Config, classes: number): ModelOptions => ({
  backbone: model.backbone,
  classes,
  stem: model.stem === 'auto' ? 'deep' : model.stem,
  outputStride: model.output_stride,
  decoderChannels: model.decoder_channels,
  asppDropout: model.aspp_dropout,
  fuseDropout: model.fuse_dropout,
});

export function describeData(config: Config, dataset: Dataset): DataDescription {
  return {
    classes: dataset.classes,
    palette: dataset.palette,
    longSide: config.data.long_side,
    mode: modeOf(config, dataset),
    cropSize: config.data.crop_size,
  };
}

export const viewingOf = (data: DataDescription, tta: boolean, device: Device): Viewing => ({
  mode: data.mode,
  cropSize: data.cropSize,
  tta,
  device,
});

/** Instruction sets that multiply in bfloat16: with them training takes about half the time in it. */
const bfloat16Features = ['avx512_bf16', 'amx_bf16'];

/** The precision that trains fastest on this machine's CPU. */
export const bestPrecision = (): Config['train']['precision'] =>
  cpuInfo().features.some((feature) => bfloat16Features.includes(feature)) ? 'bf16' : 'fp32';

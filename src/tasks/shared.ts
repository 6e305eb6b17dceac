/** What several tasks begin with: the data of a configuration, the device, the way images are seen. */
import { ConfigError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { type Dataset, labelTable, resolveDataset } from '../data/catalog/index.ts';
import type { ModelOptions } from '../models/index.ts';
import { type Device, engineInfo, setThreads } from '../torch/index.ts';
import type { Viewing } from '../train/evaluate.ts';
import type { DataDescription } from '../train/weights.ts';
import { cpuInfo } from './machine.ts';

/** The dataset of a configuration with its own classes, palette and label map, if it names any. */
export function datasetOf({ data }: Config): { dataset: Dataset; labelMap: Uint8Array } {
  const dataset = resolveDataset(data.dataset, { classes: data.classes, palette: data.palette, labelMap: data.label_map });
  return { dataset, labelMap: labelTable(dataset) };
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
});

export function describeData(config: Config, dataset: Dataset): DataDescription {
  return {
    classes: dataset.classes,
    palette: dataset.palette,
    longSide: config.data.long_side,
    mode: config.eval.mode,
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

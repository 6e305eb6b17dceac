/**
 * Networks and optimiser state as safetensors. A file of a network says in its metadata which network it is of, so that it can
 * be opened without a configuration: `format` (a version), `model` (JSON: backbone, classes, stem, outputStride, decoderChannels,
 * asppDropout, fuseDropout), and what
 * prediction needs (`classes`, `palette`, `long_side`, ...) as JSON under `data`. Files that say nothing, as PyTorch's checkpoints, are
 * read too: their network is found from their keys and shapes.
 */
import { CheckpointError } from '../base/errors.ts';
import { type NamedArray, type NamedArrayType, writeSafetensors } from '../formats/safetensors.ts';
import { readWeightsFile } from '../formats/weights-file.ts';
import { backboneNames, DeepLabV3Plus, inferModel, type ModelOptions } from '../models/index.ts';
import { type DType, fromBytes, scope, type Tensor } from '../torch/index.ts';

/** Version of the files' metadata; a program refuses a later one. */
const weightsFormat = 1;

const dtypes: Readonly<Record<DType, NamedArrayType>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};
const dtypeOf = new Map(Object.entries(dtypes).map(([dtype, name]) => [name, dtype as DType]));

/** How images reach the network and what its classes are: what prediction needs beside the weights. */
export interface DataDescription {
  readonly classes: readonly string[];
  readonly palette: readonly (readonly [number, number, number])[];
  readonly longSide: number | null;
  readonly mode: 'original' | 'center_crop' | 'sliding_window';
  readonly cropSize: number;
}

/** Tensors as files hold them. */
export function* arraysOf(tensors: Iterable<readonly [string, Tensor]>): Iterable<[string, NamedArray]> {
  for (const [name, tensor] of tensors) yield [name, { dtype: dtypes[tensor.dtype], shape: tensor.shape, data: tensor.toBytes() }];
}

/** Writes tensors by name, with metadata. */
export function saveTensors(file: string, tensors: Iterable<readonly [string, Tensor]>, metadata: Readonly<Record<string, string>>): void {
  writeSafetensors(file, arraysOf(tensors), metadata);
}

/** Runs `use` with the tensors of a .safetensors or .pth file (known by its bytes), which are freed afterwards. */
export function withTensors<T>(file: string, use: (tensors: Map<string, Tensor>, metadata: Readonly<Record<string, string>>) => T): T {
  using _ = scope();
  const { tensors, metadata } = readWeightsFile(file);
  return use(new Map([...tensors].map(([name, { dtype, shape, data }]) => [name, fromBytes(data, dtypeOf.get(dtype)!, shape)])), metadata);
}

/** Writes a network's state dict and what it is. */
export function saveNetwork(file: string, network: DeepLabV3Plus, data: DataDescription): void {
  saveTensors(file, network.stateDict(), {
    format: String(weightsFormat),
    model: JSON.stringify(network.options),
    data: JSON.stringify(data),
  });
}

/** Copies a file's weights into a network. @throws CheckpointError that lists the keys which do not fit. */
export function loadNetwork(file: string, network: DeepLabV3Plus): void {
  withTensors(file, (tensors) => network.load(tensors, file));
}

/** Reads a JSON entry of a file's metadata. */
function entry(file: string, metadata: Readonly<Record<string, string>>, key: string): unknown {
  try {
    return JSON.parse(metadata[key] ?? '');
  } catch (error) {
    throw new CheckpointError(
      `${file}: its metadata say nothing of '${key}': not a file of weights that dssn wrote; with --config FILE, which tells the classes, its network is found from its keys`,
      { cause: error },
    );
  }
}

/** What a file says of its network, checked before a network is built of it. */
function modelOptions(file: string, value: unknown): ModelOptions {
  const { backbone, classes } = (typeof value === 'object' && value !== null ? value : {}) as Partial<ModelOptions>;
  if (backbone === undefined || !backboneNames.includes(backbone))
    throw new CheckpointError(`${file}: backbone '${backbone}' is unknown; allowed: ${backboneNames.join(', ')}`);
  if (!Number.isInteger(classes) || classes! < 1)
    throw new CheckpointError(`${file}: a network of ${classes} classes; allowed are whole numbers from 1 on`);
  return value as ModelOptions;
}

/** What a file that says nothing of itself is taken for; its keys and shapes tell all but this. */
export interface Assumptions {
  readonly data: DataDescription;
  readonly outputStride: 8 | 16;
}

/**
 * Opens a file of weights: the network, and how to feed it.
 * @param assumed what is taken for true of a file without our metadata; without it such a file is refused.
 */
export function openNetwork(file: string, assumed?: Assumptions): { network: DeepLabV3Plus; data: DataDescription } {
  return withTensors(file, (tensors, metadata) => {
    if (Number(metadata.format) > weightsFormat)
      throw new CheckpointError(`${file}: format ${metadata.format} is later than this program's (${weightsFormat}); use a newer dssn`);
    const bare = metadata.model === undefined && assumed !== undefined;
    const options = bare
      ? { ...inferModel(new Map([...tensors].map(([name, { shape }]) => [name, shape])), file), outputStride: assumed.outputStride }
      : modelOptions(file, entry(file, metadata, 'model'));
    const data = bare ? assumed.data : (entry(file, metadata, 'data') as DataDescription);
    const network = new DeepLabV3Plus(options);
    network.load(tensors, file);
    return { network: network.persist(), data };
  });
}

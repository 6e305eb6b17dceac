/** `dssn convert`: the weights of a file from one format into the other. */
import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { writeSafetensors } from '../formats/safetensors.ts';
import { readWeightsFile, type WeightsFormat, writePthFile } from '../formats/weights-file.ts';
import type { ConvertOptions, ConvertResult } from './types.ts';

const formats: Readonly<Record<string, WeightsFormat>> = { '.pth': 'pth', '.safetensors': 'safetensors' };

function formatOf(output: string): WeightsFormat {
  const format = Object.hasOwn(formats, extname(output)) ? formats[extname(output)] : undefined;
  if (format) return format;
  throw new ConfigError(`${output}: its ending says no format to write; allowed: ${Object.keys(formats).join(', ')}`);
}

/**
 * Writes the network's weights of `input` as `output`, with their names and types. What else the input holds (an optimiser, an epoch;
 * the metadata of a .safetensors) has no place there, and is named in the result.
 * @throws ConfigError for an ending that is no format, an input that has it already, or an output that is there; CheckpointError for
 * an input that cannot be read.
 */
export function convert({ input, output, force }: ConvertOptions): ConvertResult {
  const format = formatOf(output);
  if (existsSync(output) && !force) throw new ConfigError(`${output}: is there already; add --force to replace it`);
  const { tensors, entry, others, metadata, format: from } = readWeightsFile(input);
  if (from === format) {
    const other = format === 'pth' ? '.safetensors' : '.pth';
    throw new ConfigError(`${input}: is a ${format === 'pth' ? '.pth' : '.safetensors'} already; allowed: an output that ends in ${other}`);
  }
  if (format === 'pth') writePthFile(output, tensors);
  else writeSafetensors(output, tensors);
  const metadataKeys = Object.keys(metadata).map((key) => [key, null] as const);
  return { input, output, format, entry, tensors: tensors.size, left_out: Object.fromEntries([...others, ...metadataKeys]) };
}

/** `dssn predict`: label maps and overlays of any images. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { ConfigError, DataError, messageOf } from '../base/errors.ts';
import { toLongSide } from '../data/augment/long-side.ts';
import { EvalLoader } from '../data/loader/index.ts';
import type { Sample } from '../data/types.ts';
import { makeFolder } from '../formats/files.ts';
import { RunFolder } from '../runs/folder.ts';
import { overlay, writeIndexPng, writePng } from '../runs/pictures.ts';
import { predictImage } from '../train/evaluate.ts';
import { openNetwork } from '../train/weights.ts';
import { openDevice, viewingOf } from './shared.ts';
import type { Prediction, PredictOptions, PredictResult } from './types.ts';
import { type OpenedWeights, openCheckpoint, openRunWeights } from './weights.ts';

const imageEndings = ['.jpg', '.jpeg', '.png'];

/** The images of a folder and of all below it, in order. */
function imagesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && imageEndings.includes(extname(entry.name).toLowerCase()))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

interface Input {
  readonly file: string;
  /** What is written for it. */
  readonly mask: string;
  readonly overlay: string;
}

/** No two images may be written as one file, and none over an image that is read. */
function checkOutputs(inputs: readonly Input[]): void {
  const read = new Set(inputs.map(({ file }) => resolve(file)));
  const writers = new Map<string, string>();
  for (const { file, mask, overlay } of inputs) {
    for (const output of [mask, overlay]) {
      const place = resolve(output);
      if (read.has(place)) throw new ConfigError(`${output} is an image to be read and would be written over: give another --out`);
      const other = writers.get(place);
      if (other !== undefined)
        throw new ConfigError(`${other} and ${file} would both be written as ${output}: predict them into two folders`);
      writers.set(place, file);
    }
  }
}

function inputsOf(paths: readonly string[], out: string): Input[] {
  const inputs = paths.flatMap((path): Input[] => {
    if (!existsSync(path)) throw new DataError(`${path}: no such image or folder`);
    const inputOf = (file: string, name: string): Input => {
      const place = join(out, name.slice(0, name.length - extname(name).length));
      return { file, mask: `${place}.png`, overlay: `${place}-overlay.png` };
    };
    if (!statSync(path).isDirectory()) return [inputOf(path, basename(path))];
    const files = imagesBelow(path);
    if (files.length === 0) throw new DataError(`${path}: holds no image; allowed endings: ${imageEndings.join(', ')}`);
    return files.map((file) => inputOf(file, relative(path, file)));
  });
  checkOutputs(inputs);
  return inputs;
}

/** The network, and how to feed it: of a run, of a checkpoint on a configuration's data, or of a file that says both itself. */
function openOf({ checkpoint, config, run, weights }: PredictOptions): OpenedWeights {
  if (checkpoint !== undefined) {
    if (!existsSync(checkpoint)) throw new ConfigError(`--checkpoint: ${checkpoint} is not there`);
    return config ? openCheckpoint(checkpoint, config) : openNetwork(checkpoint);
  }
  const folder = RunFolder.open(run!);
  return openRunWeights(folder.weightsFile(weights), folder, { sameClasses: false });
}

/** Writes `NAME.png` (class indices with the palette) and `NAME-overlay.png` for every image. */
export async function predict(options: PredictOptions): Promise<PredictResult> {
  const { out, reporter, signal } = options;
  const inputs = inputsOf(options.inputs, out);
  const device = openDevice({ device: options.device ?? 'auto', threads: 'auto' });
  const { network, data } = openOf(options);
  network.to(device);
  const viewing = { ...viewingOf(data, options.tta, device), mode: data.mode === 'center_crop' ? ('original' as const) : data.mode };
  const samples = inputs.map(({ file, mask }): Sample => ({ id: mask, image: file }));
  const predictions: Prediction[] = [];
  reporter.start(samples.length, 'predict', { unit: 'image' });
  // Paths are taken as typed: an absolute one stays what it is.
  for await (const { image } of new EvalLoader({ root: '', samples, longSide: null })) {
    if (signal?.aborted) break;
    const seen = data.longSide === null ? image : toLongSide(image, data.longSide);
    const labels = predictImage(network, seen, [image.height, image.width], viewing);
    const { file, mask, overlay: coloured } = inputs[predictions.length]!;
    try {
      makeFolder(dirname(mask));
      writeIndexPng(mask, labels, data.palette);
      writePng(coloured, overlay(image, labels, data.palette));
    } catch (cause) {
      throw new ConfigError(`--out ${out}: cannot be written (${messageOf(cause)})`, { cause });
    }
    predictions.push({ image: file, mask, overlay: coloured });
    reporter.update({ iteration: predictions.length });
  }
  reporter.end();
  network.free();
  return { predictions };
}

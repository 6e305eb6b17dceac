/** Files of weights in either format, told apart by their bytes, never by their names. */
import { CheckpointError, messageOf } from '../base/errors.ts';
import { readFully, readWhole, replaceFile, withFile } from './files.ts';
import { isPth, ofFile, type PthFile, readPth } from './pth.ts';
import { writePth } from './pth-write.ts';
import { type NamedArray, readSafetensors } from './safetensors.ts';

export type WeightsFormat = 'pth' | 'safetensors';

/** Enough bytes to know the format by. */
const START_BYTES = 8;

export interface WeightsFile extends PthFile {
  readonly format: WeightsFormat;
  /** Of .safetensors; a .pth has none. */
  readonly metadata: Record<string, string>;
}

/** The first bytes of a file; none where it has fewer. */
function startOf(path: string): Uint8Array {
  return withFile(path, (descriptor) => {
    const bytes = new Uint8Array(START_BYTES);
    try {
      return readFully(descriptor, bytes, 0) ? bytes : new Uint8Array();
    } catch (cause) {
      throw new CheckpointError(`${path}: cannot be read (${messageOf(cause)})`, { cause });
    }
  });
}

/** The arrays of a .pth or .safetensors file. @throws CheckpointError that names the file and says what is wrong with it. */
export function readWeightsFile(path: string): WeightsFile {
  const start = startOf(path);
  if (isPth(start)) return { format: 'pth', metadata: {}, ...ofFile(path, () => readPth(readWhole(path))) };
  return { format: 'safetensors', entry: null, others: new Map(), ...readSafetensors(path) };
}

/** Writes a .pth file as a whole or not at all. @throws CheckpointError that names the file. */
export function writePthFile(path: string, tensors: Iterable<readonly [string, NamedArray]>): void {
  replaceFile(
    path,
    ofFile(path, () => writePth(tensors)),
  );
}

/** Files of weights in either format, told apart by their bytes, never by their names. */
import { CheckpointError, messageOf } from '../base/errors.ts';
import { readFully, readWhole, replaceFile, withFile } from './files.ts';
import { isPth, ofFile, type PthFile, readPth } from './pth.ts';
import { writePth } from './pth-write.ts';
import { type NamedArray, readSafetensors } from './safetensors.ts';

export type WeightsFormat = 'pth' | 'safetensors';

/** Enough bytes to know the format by. */
const START_BYTES = 8;
/** Where a tar archive says that it is one. */
const TAR_MAGIC = { at: 257, text: 'ustar' };

export interface WeightsFile extends PthFile {
  readonly format: WeightsFormat;
  /** Of .safetensors; a .pth has none. */
  readonly metadata: Record<string, string>;
}

/** The first bytes of a file; none where it has fewer. */
function startOf(path: string, length: number): Uint8Array {
  return withFile(path, (descriptor) => {
    const bytes = new Uint8Array(length);
    try {
      return readFully(descriptor, bytes, 0) ? bytes : new Uint8Array();
    } catch (cause) {
      throw new CheckpointError(`${path}: cannot be read (${messageOf(cause)})`, { cause });
    }
  });
}

/** The arrays of a .pth or .safetensors file. @throws CheckpointError that names the file and says what is wrong with it. */
export function readWeightsFile(path: string): WeightsFile {
  const start = startOf(path, START_BYTES);
  if (isPth(start)) return { format: 'pth', metadata: {}, ...ofFile(path, () => readPth(readWhole(path))) };
  // PyTorch before 0.1.10, among them torchvision's first ImageNet files, wrote tar archives.
  const { at, text } = TAR_MAGIC;
  if (Buffer.from(startOf(path, at + text.length).subarray(at)).toString('latin1') === text)
    throw new CheckpointError(
      `${path}: is a tar archive, as PyTorch wrote before 0.1.10; allowed: .pth of later versions (load and save it once with PyTorch), or .safetensors`,
    );
  return { format: 'safetensors', entry: null, others: new Map(), ...readSafetensors(path) };
}

/** Writes a .pth file as a whole or not at all. @throws CheckpointError that names the file. */
export function writePthFile(path: string, tensors: Iterable<readonly [string, NamedArray]>): void {
  replaceFile(
    path,
    ofFile(path, () => writePth(tensors)),
  );
}

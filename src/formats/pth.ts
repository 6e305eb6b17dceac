/**
 * PyTorch's checkpoints, `.pth`: bytes <-> named arrays. Both formats of torch.save are read, by a machine that knows a closed list
 * of names and can run nothing (`pth-pickle.ts`, `pth-globals.ts`); the zip format is written.
 */
import { CheckpointError } from '../base/errors.ts';
import { shown } from '../base/shown.ts';
import { chooseWeights } from './pth-checkpoint.ts';
import { checkpointBuilder } from './pth-globals.ts';
import { LEGACY_START, readLegacy } from './pth-legacy.ts';
import { fail, type PickleValue, unpickle } from './pth-pickle.ts';
import { arrayOf, type Storage, type TensorView } from './pth-tensor.ts';
import { PthArchive } from './pth-zip.ts';
import type { NamedArray } from './safetensors.ts';

export interface PthFile {
  /** The entry of the checkpoint that the weights were found under; null where the file is the state dict itself. */
  readonly entry: string | null;
  /** The network's weights, in the file's order. Arrays may share memory with the file's bytes and with one another. */
  readonly tensors: Map<string, NamedArray>;
  /** What else the checkpoint holds: plain numbers (epoch, score) with their value, all else null. */
  readonly others: ReadonlyMap<string, number | null>;
}

const ZIP_START = [0x50, 0x4b, 0x03, 0x04] as const;
/**
 * Tensors of one file may share memory or repeat elements (a tied layer, an expanded tensor), but what they would take when each is
 * copied must be in proportion to the file: at most this many times its bytes, and these bytes on top.
 */
const MOST_EXPANSION = 8;
const FREE_BYTES = 1 << 24;

/** Whether bytes (the first six are enough) begin a checkpoint of PyTorch, of either format. */
export function isPth(bytes: Uint8Array): boolean {
  return [ZIP_START, LEGACY_START].some((start) => start.every((byte, k) => bytes[k] === byte));
}

/** The object of a file in the zip format, its storages filled. */
function readZip(bytes: Uint8Array): PickleValue {
  const archive = new PthArchive(bytes);
  const byteOrder = archive.read('byteorder');
  if (byteOrder && Buffer.from(byteOrder).toString('latin1') !== 'little') fail('its numbers are not little-endian');
  const pickle = archive.read('data.pkl') ?? fail('its zip archive has no data.pkl: not a file of torch.save');
  const storages = new Map<string, Storage>();
  const { value, end } = unpickle(pickle, 0, checkpointBuilder(storages));
  if (end !== pickle.length) fail(`${pickle.length - end} bytes follow the end of its pickle`);
  for (const storage of storages.values()) {
    const data = archive.read(`data/${storage.key}`) ?? fail(`storage ${shown(storage.key)} is not in the file`);
    if (data.length !== storage.byteLength)
      fail(
        `storage ${shown(storage.key)} has ${data.length} bytes; ${storage.count} elements of ${storage.dtype} take ${storage.byteLength}`,
      );
    storage.bytes = data;
  }
  return value;
}

function checkExpansion(tensors: ReadonlyMap<string, TensorView>, fileBytes: number): void {
  const most = MOST_EXPANSION * fileBytes + FREE_BYTES;
  let sum = 0;
  for (const tensor of tensors.values()) sum += tensor.byteLength;
  if (sum > most) fail(`its tensors would take ${sum} bytes; allowed for a file of ${fileBytes} bytes: ${most}`);
}

/**
 * The network's weights of a checkpoint. Takes time and memory in proportion to the file.
 * @throws CheckpointError with the reason where the bytes are damaged, hostile, or hold no weights of one network.
 */
export function readPth(given: Uint8Array): PthFile {
  // Views of a Buffer would be Buffers.
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  if (!isPth(bytes)) fail('it is no checkpoint of PyTorch');
  const { entry, tensors, others } = chooseWeights(bytes[0] === ZIP_START[0] ? readZip(bytes) : readLegacy(bytes));
  checkExpansion(tensors, bytes.length);
  return { entry, others, tensors: new Map([...tensors].map(([name, tensor]) => [name, arrayOf(tensor)])) };
}

/** Runs `read`, and puts the file's name before the reason that it refuses it for. */
export function ofFile<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof CheckpointError
      ? new CheckpointError(`${file}: not a usable checkpoint of PyTorch: ${cause.message}`, { cause })
      : cause;
  }
}

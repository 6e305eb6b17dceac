/**
 * PyTorch's format from 0.1.10 to 1.5 (and of `_use_new_zipfile_serialization=False`): five pickles one after another - a magic number, a
 * version, the writer's machine, the object, the keys of its storages - and then the storages, each its number of elements (8
 * bytes) and its bytes. Source: torch/serialization.py, `_legacy_save`.
 */
import { shown } from '../base/shown.ts';
import { checkpointBuilder } from './pth-globals.ts';
import { fail, type PickleValue, unpickle } from './pth-pickle.ts';
import type { Storage } from './pth-tensor.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/** What the file begins with: protocol 2, a LONG1 of ten bytes, the magic number's first. */
export const LEGACY_START = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc] as const;

function* storedIn(bytes: Uint8Array, keys: PickleValue, storages: ReadonlyMap<string, Storage>, start: number): Iterable<number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!Array.isArray(keys)) return fail('it has no list of storages');
  let at = start;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage || storage.bytes) return fail('its list of storages names one that no tensor has, or one twice');
    if (at + 8 + storage.byteLength > bytes.length) return fail(`it ends inside storage ${shown(storage.key)}`);
    const count = Number(view.getBigInt64(at, true));
    if (count !== storage.count)
      return fail(`storage ${shown(storage.key)} has ${count} elements, its tensors were made from ${storage.count}`);
    storage.bytes = bytes.subarray(at + 8, at + 8 + storage.byteLength);
    at += 8 + storage.byteLength;
    yield at;
  }
}

/** The object of a legacy file, its storages filled. @throws CheckpointError with the reason where it cannot be read. */
export function readLegacy(bytes: Uint8Array): PickleValue {
  const storages = new Map<string, Storage>();
  const builder = checkpointBuilder(storages);
  let at = 0;
  const next = (): PickleValue => {
    const { value, end } = unpickle(bytes, at, builder);
    at = end;
    return value;
  };
  if (next() !== MAGIC) fail('it does not begin with the magic number of PyTorch');
  const protocol = next();
  if (protocol !== PROTOCOL) fail(`it is of the legacy format's protocol ${String(protocol)}; allowed: ${PROTOCOL}`);
  const machine = next();
  if (!(machine instanceof Map) || machine.get('little_endian') !== true) fail('its numbers are not little-endian');
  const object = next();
  const keys = next();
  for (const end of storedIn(bytes, keys, storages, at)) at = end;
  const absent = [...storages.values()].find((storage) => storage.bytes === undefined);
  if (absent) fail(`storage ${shown(absent.key)} is not in the file`);
  if (at !== bytes.length) fail(`${bytes.length - at} bytes follow its last storage`);
  return object;
}

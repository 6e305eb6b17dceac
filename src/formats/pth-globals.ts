/**
 * The names of Python's that a checkpoint may hold, and what is built in their place: the closed list. A name that is not here is
 * an error, whatever it is; nothing of Python ever runs.
 */
import { shown } from '../base/shown.ts';
import { fail, keyOf, type PickleBuilder, type PickleDict, PickleGlobal, PickleObject, type PickleValue, Tuple } from './pth-pickle.ts';
import { MAX_RANK, Storage, StorageSlice, TensorView } from './pth-tensor.ts';
import type { NamedArrayType } from './safetensors.ts';

const storageTypes: Readonly<Record<string, NamedArrayType>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};
const torchTypes = ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'];
/** numpy pickles a scalar's bytes as a text; none is longer than a complex number of 16-byte parts. */
const MAX_ENCODED = 64;

class NumpyType extends PickleObject {
  bigEndian = false;
  constructor(readonly code: string) {
    super();
  }
}

type Call = PickleGlobal['call'];
const isCount = (value: PickleValue | undefined): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** A copy: a list of the pickle's may grow after it was checked. */
function countsOf(value: PickleValue | undefined, what: string): readonly number[] {
  const items = value instanceof Tuple ? value.items : value;
  if (Array.isArray(items) && items.length <= MAX_RANK && items.every(isCount)) return [...items];
  return fail(`a tensor's ${what} is not a list of at most ${MAX_RANK} whole numbers >= 0`);
}

/** `_rebuild_tensor(storage, offset, shape, strides)`; version 2 adds requires_grad and hooks, which are of no use here. */
const rebuildTensor: Call = ([slice, offset, shape, strides]) => {
  if (!(slice instanceof StorageSlice)) return fail('a tensor without a storage');
  if (!isCount(offset)) return fail("a tensor's offset is not a whole number >= 0");
  return new TensorView(slice, offset, countsOf(shape, 'shape'), countsOf(strides, 'strides'));
};

const rebuildParameter: Call = ([tensor]) => (tensor instanceof TensorView ? tensor : fail('a parameter that is no tensor'));

/** Empty, as Python 3 pickles it; or from a list of pairs, as Python 2 does. */
const orderedDict: Call = ([pairs], charge) => {
  const dict: PickleDict = new Map();
  if (pairs === undefined) return dict;
  if (!Array.isArray(pairs)) return fail('an OrderedDict of what is not a list of pairs');
  charge(pairs.length);
  for (const pair of pairs) {
    const [key, value] = pair instanceof Tuple ? pair.items : Array.isArray(pair) ? pair : [];
    if (key === undefined || value === undefined) return fail('an OrderedDict of what is not a list of pairs');
    dict.set(keyOf(key), value);
  }
  return dict;
};

const same: Call = ([value]) => value ?? null;

const encode: Call = ([text, encoding]) => {
  if (typeof text !== 'string' || encoding !== 'latin1' || text.length > MAX_ENCODED)
    return fail(`_codecs.encode of what is not a text of at most ${MAX_ENCODED} latin1 characters`);
  return Buffer.from(text, 'latin1');
};

const numpyType: Call = ([code]) => (typeof code === 'string' ? new NumpyType(code) : fail('a numpy.dtype without a name'));

/** Readers of numpy's types by their names, all little-endian. */
const scalarReaders: Readonly<Record<string, (view: DataView) => number | bigint | boolean>> = {
  f8: (view) => view.getFloat64(0, true),
  f4: (view) => view.getFloat32(0, true),
  i8: (view) => view.getBigInt64(0, true),
  i4: (view) => view.getInt32(0, true),
  u1: (view) => view.getUint8(0),
  b1: (view) => view.getUint8(0) !== 0,
};

const numpyScalar: Call = ([type, data]) => {
  const read = type instanceof NumpyType && Object.hasOwn(scalarReaders, type.code) ? scalarReaders[type.code] : undefined;
  const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
  if (!(type instanceof NumpyType) || type.bigEndian || !read || !(bytes instanceof Uint8Array) || bytes.length !== Number(type.code[1]))
    return fail(`a numpy scalar that is not little-endian and one of ${Object.keys(scalarReaders).join(', ')}`);
  return read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
};

/** A name that stands for itself: a storage's type, a dtype. */
const notCalled = (name: string): Call => {
  return () => fail(`its pickle calls ${name}, which no checkpoint of weights does`);
};

const calls: Readonly<Record<string, Call>> = {
  'torch._utils._rebuild_tensor_v2': rebuildTensor,
  'torch._utils._rebuild_tensor': rebuildTensor,
  'torch._utils._rebuild_parameter': rebuildParameter,
  'collections.OrderedDict': orderedDict,
  'collections.Counter': (args) => (args[0] instanceof Map ? args[0] : fail('a Counter of what is not a dictionary')),
  'torch.Size': same,
  'torch.device': same,
  'numpy.core.multiarray.scalar': numpyScalar,
  'numpy._core.multiarray.scalar': numpyScalar,
  'numpy.dtype': numpyType,
  '_codecs.encode': encode,
};
const storageNames = Object.keys(storageTypes).flatMap((type) => [`torch.${type}`, `torch.cuda.${type}`]);

const globals: ReadonlyMap<string, PickleGlobal> = new Map([
  ...Object.entries(calls).map(([name, call]) => [name, new PickleGlobal(name, call)] as const),
  ...[...storageNames, ...torchTypes.map((type) => `torch.${type}`)].map(
    (name) => [name, new PickleGlobal(name, notCalled(name))] as const,
  ),
]);

function globalNamed(name: string): PickleGlobal {
  return (
    globals.get(name) ??
    fail(
      `its pickle names ${shown(name)}; allowed: ${Object.keys(calls).join(', ')}, torch.*Storage and torch's dtypes (nothing of the file was run)`,
    )
  );
}

/** The state of a numpy.dtype is (3, byte order, ...); that of a dictionary are attributes such as `_metadata`, of no use here. */
function build(object: PickleValue, state: PickleValue): void {
  if (object instanceof Map) return;
  if (!(object instanceof NumpyType) || !(state instanceof Tuple)) fail('its pickle gives a state to what has none');
  else object.bigEndian = state.items[1] === '>';
}

/** The builder of a file's objects. Storages are gathered in `storages` by their keys, without bytes. */
export function checkpointBuilder(storages: Map<string, Storage>): PickleBuilder {
  return { global: globalNamed, build, persistent: (id) => sliceOf(id, storages) };
}

/** ('storage', type, key, location, elements) and, in the legacy format, None or (key of the view, its start, its elements). */
function sliceOf(id: PickleValue, storages: Map<string, Storage>): StorageSlice {
  const [kind, type, key, , count, view] = id instanceof Tuple ? id.items : [];
  if (kind !== 'storage' || !(type instanceof PickleGlobal) || typeof key !== 'string' || !isCount(count))
    return fail("its pickle refers to something outside that is not ('storage', type, key, location, elements)");
  const dtype = storageTypes[type.name.split('.').at(-1)!] ?? fail(`a storage of type ${type.name}; allowed: ${storageNames.join(', ')}`);
  const storage = storages.get(key) ?? new Storage(key, dtype, count);
  if (storage.dtype !== dtype || storage.count !== count) fail(`storage ${shown(key)} is spoken of with two types or lengths`);
  storages.set(key, storage);
  if (!(view instanceof Tuple)) return new StorageSlice(storage, 0, count);
  const [, start, length] = view.items;
  if (!isCount(start) || !isCount(length)) return fail(`a view of storage ${shown(key)} without a start and a length`);
  return new StorageSlice(storage, start, length);
}

/**
 * A state dict as torch.save writes it (zip format): `data.pkl`, a protocol-2 pickle of a dictionary of tensors, one record of bytes
 * a tensor, `version`, `byteorder`.
 */
import { CheckpointError } from '../base/errors.ts';
import { archiveOf } from './pth-zip.ts';
import { byteLengthOf, type NamedArray, type NamedArrayType } from './safetensors.ts';

const FOLDER = 'archive';
/** Of the archive's format; PyTorch has written 3 since 1.6. */
const FORMAT_VERSION = '3\n';

const storageOf: Readonly<Record<NamedArrayType, string>> = {
  F64: 'DoubleStorage',
  F32: 'FloatStorage',
  F16: 'HalfStorage',
  BF16: 'BFloat16Storage',
  I64: 'LongStorage',
  I32: 'IntStorage',
  I16: 'ShortStorage',
  I8: 'CharStorage',
  U8: 'ByteStorage',
  BOOL: 'BoolStorage',
};

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** PROTO 2. */
const BEGIN = ascii('\x80\x02');
const MARK = ascii('(');
const TUPLE = ascii('t');

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([ascii('X'), length, bytes]);
}

/** BININT1, BININT2, BININT or LONG1, whichever holds it. */
function integer(value: number): Uint8Array {
  const form = value < 2 ** 8 ? ['K', 1] : value < 2 ** 16 ? ['M', 2] : value < 2 ** 31 ? ['J', 4] : ['\x8a\x08', 8];
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return Buffer.concat([ascii(String(form[0])), bytes.subarray(0, Number(form[1]))]);
}

const tuple = (items: readonly Uint8Array[]): Uint8Array => Buffer.concat([MARK, ...items, TUPLE]);
const global = (module: string, name: string): Uint8Array => ascii(`c${module}\n${name}\n`);

/** `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)` of a storage that is the tensor's own. */
function tensor({ dtype, shape }: NamedArray, key: string): Uint8Array {
  const count = shape.reduce((product, side) => product * side, 1);
  const id = tuple([text('storage'), global('torch', storageOf[dtype]), text(key), text('cpu'), integer(count)]);
  const strides = shape.map((_, k) => shape.slice(k + 1).reduce((product, side) => product * Math.max(1, side), 1));
  const hooks = Buffer.concat([global('collections', 'OrderedDict'), ascii(')R')]);
  const args = [Buffer.concat([id, ascii('Q')]), integer(0), tuple(shape.map(integer)), tuple(strides.map(integer)), ascii('\x89'), hooks];
  return Buffer.concat([global('torch._utils', '_rebuild_tensor_v2'), tuple(args), ascii('R')]);
}

function pickle(arrays: readonly (readonly [string, NamedArray])[]): Uint8Array {
  const items = arrays.flatMap(([name, array], k) => [text(name), tensor(array, String(k))]);
  return Buffer.concat([BEGIN, ascii('}'), MARK, ...items, ascii('u.')]);
}

/**
 * The pieces of a `.pth` file that hold these arrays by name, in their order.
 * @throws CheckpointError where two have one name or an array does not fit its shape.
 */
export function writePth(tensors: Iterable<readonly [string, NamedArray]>): Uint8Array[] {
  const arrays = [...tensors];
  const names = new Set<string>();
  for (const [name, { dtype, shape, data }] of arrays) {
    if (names.has(name)) throw new CheckpointError(`the name '${name}' is taken`);
    names.add(name);
    const needed = byteLengthOf(dtype, shape);
    if (needed !== data.length)
      throw new CheckpointError(`array '${name}': shape [${shape.join(', ')}] of ${dtype} needs ${needed} bytes, got ${data.length}`);
  }
  return archiveOf(FOLDER, [
    ['data.pkl', pickle(arrays)],
    ['byteorder', ascii('little')],
    ...arrays.map(([, { data }], k) => [`data/${k}`, data] as const),
    ['version', ascii(FORMAT_VERSION)],
  ]);
}

/**
 * A machine for pickles that can run nothing: it builds texts, numbers, lists, tuples and dictionaries, and hands every name of
 * Python's to a `PickleBuilder`, which knows a closed list of them. Opcodes: the protocol-2 set that torch.save writes, and those
 * of protocols 3 to 5 that take their place with another `pickle_protocol`.
 *
 * Source: Python's pickletools.py. Work and memory are bounded by the file: values are shared and only texts are decoded, so that
 * a few bytes cannot expand.
 */
import { CheckpointError } from '../base/errors.ts';

/** A thing that only a builder knows: a storage, a tensor, a class. */
export abstract class PickleObject {}

export class Tuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A name of Python's that the builder allows. `call` is our own function in its place. */
export class PickleGlobal extends PickleObject {
  constructor(
    readonly name: string,
    readonly call: (args: readonly PickleValue[], charge: (work: number) => void) => PickleValue,
  ) {
    super();
  }
}

export type PickleKey = string | number | bigint | boolean | null;
export type PickleDict = Map<PickleKey, PickleValue>;
export type PickleValue = PickleKey | Uint8Array | PickleValue[] | Tuple | PickleDict | PickleObject;

export interface PickleBuilder {
  /** @param name `module.name`. @throws CheckpointError where it is not on the list. */
  global(name: string): PickleGlobal;
  /** What stands outside the pickle under this id. */
  persistent(id: PickleValue): PickleValue;
  /** Gives an object the state that was pickled for it. */
  build(object: PickleValue, state: PickleValue): void;
}

/** A checkpoint of ResNet-101 with its optimiser takes about 50,000. */
const MAX_OPCODES = 1 << 19;
const MAX_TEXT_BYTES = 1 << 24;
/** PyTorch's magic number has 10. */
const MAX_LONG_BYTES = 32;
const MAX_NAME_BYTES = 256;
const HIGHEST_PROTOCOL = 5;

/** Refuses the file for a reason, to which the reader adds the file's name. */
export function fail(reason: string): never {
  throw new CheckpointError(reason);
}

type Decoder = { decode(bytes: Uint8Array): string };
const utf8: Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
// Not a TextDecoder, whose latin1 is windows-1252.
const latin1: Decoder = {
  decode: ({ buffer, byteOffset, length }: Uint8Array): string => Buffer.from(buffer, byteOffset, length).toString('latin1'),
};

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly builder: PickleBuilder;
  at: number;
  #work = 0;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at the marks. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(bytes: Uint8Array, start: number, builder: PickleBuilder) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.builder = builder;
  }

  readonly charge = (work: number): void => {
    this.#work += work;
    if (this.#work > MAX_OPCODES) fail(`its pickle has more than ${MAX_OPCODES} operations; a checkpoint of weights needs fewer`);
  };

  /** Takes `length` bytes; their place. */
  take(length: number): number {
    const start = this.at;
    if (length > this.#bytes.length - start) fail('it ends inside its pickle');
    this.at += length;
    return start;
  }
  byte = (): number => this.#bytes[this.take(1)]!;
  uint16 = (): number => this.#view.getUint16(this.take(2), true);
  int32 = (): number => this.#view.getInt32(this.take(4), true);
  uint32 = (): number => this.#view.getUint32(this.take(4), true);
  uint64 = (): number => Number(this.#view.getBigUint64(this.take(8), true));
  float64 = (): number => this.#view.getFloat64(this.take(8), false);

  bytes(length: number): Uint8Array {
    const start = this.take(length);
    return this.#bytes.subarray(start, start + length);
  }
  text(length: number, decoder = utf8): string {
    if (length > MAX_TEXT_BYTES) fail(`its pickle holds a text of ${length} bytes; at most ${MAX_TEXT_BYTES} are read`);
    try {
      return decoder.decode(this.bytes(length));
    } catch (error) {
      return error instanceof CheckpointError ? fail(error.message) : fail('a text of its pickle is not UTF-8');
    }
  }
  line(): string {
    const length = this.#bytes.subarray(this.at, this.at + MAX_NAME_BYTES).indexOf(0x0a);
    if (length < 0) fail('a name of its pickle does not end');
    const line = this.text(length);
    this.at++;
    return line;
  }
  /** Little-endian two's complement. */
  long(length: number): number | bigint {
    if (length > MAX_LONG_BYTES) fail(`its pickle holds an integer of ${length} bytes; at most ${MAX_LONG_BYTES} are read`);
    let value = 0n;
    for (const [place, byte] of this.bytes(length).entries()) value |= BigInt(byte) << BigInt(8 * place);
    const signed = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }
  pop(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) fail('its pickle takes from an empty stack');
    return this.#stack.pop()!;
  }
  top(): PickleValue {
    const value = this.pop();
    this.push(value);
    return value;
  }
  mark(): void {
    this.#marks.push(this.#stack.length);
  }
  /** All values above the last mark. */
  popMark(): PickleValue[] {
    return this.#stack.splice(this.#marks.pop() ?? fail('its pickle closes what it did not open'));
  }
  popTuple(length: number): Tuple {
    const items: PickleValue[] = [];
    for (let k = 0; k < length; k++) items.unshift(this.pop());
    return new Tuple(items);
  }

  put(place: number): void {
    this.#memo.set(place, this.top());
  }
  memoize(): void {
    this.put(this.#memo.size);
  }
  get(place: number): void {
    const value = this.#memo.get(place);
    if (value === undefined) fail(`its pickle refers to entry ${place}, which it does not have`);
    else this.push(value);
  }

  appendTo(items: readonly PickleValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) fail('its pickle appends to what is not a list');
    for (const item of items) list.push(item);
  }
  setItems(items: readonly PickleValue[]): void {
    const dict = this.top();
    if (!(dict instanceof Map)) fail('its pickle sets entries of what is not a dictionary');
    if (items.length % 2 !== 0) fail('its pickle has a key without a value');
    for (let k = 0; k < items.length; k += 2) dict.set(keyOf(items[k]!), items[k + 1]!);
  }
  reduce(args: PickleValue): void {
    const callee = this.pop();
    if (!(callee instanceof PickleGlobal) || !(args instanceof Tuple)) fail('its pickle calls what is no function');
    this.push(callee.call(args.items, this.charge));
  }

  run(): PickleValue {
    for (;;) {
      this.charge(1);
      const place = this.at;
      const opcode = this.byte();
      if (opcode === STOP) break;
      const operation = operations.get(opcode);
      if (!operation)
        fail(
          `its pickle has the operation 0x${opcode.toString(16).padStart(2, '0')} at byte ${place}, which no checkpoint of weights needs`,
        );
      else operation(this);
    }
    const value = this.pop();
    if (this.#stack.length > 0 || this.#marks.length > 0) fail('its pickle leaves values over');
    return value;
  }
}

/** A key of a dictionary. */
export function keyOf(value: PickleValue): PickleKey {
  if (value === null || typeof value !== 'object') return value;
  return fail('a dictionary of its pickle has a key that is neither a text nor a number');
}

const STOP = '.'.charCodeAt(0);

/** What each opcode does, by its byte; names as in pickletools. */
const operations: ReadonlyMap<number, (m: Machine) => void> = new Map<number, (m: Machine) => void>(
  (
    [
      ['\x80', (m) => checkProtocol(m.byte())], // PROTO
      ['\x95', (m) => void m.take(8)], // FRAME
      ['(', (m) => m.mark()], // MARK
      ['N', (m) => m.push(null)], // NONE
      ['\x88', (m) => m.push(true)], // NEWTRUE
      ['\x89', (m) => m.push(false)], // NEWFALSE
      ['K', (m) => m.push(m.byte())], // BININT1
      ['M', (m) => m.push(m.uint16())], // BININT2
      ['J', (m) => m.push(m.int32())], // BININT
      ['\x8a', (m) => m.push(m.long(m.byte()))], // LONG1
      ['\x8b', (m) => m.push(m.long(m.uint32()))], // LONG4
      ['G', (m) => m.push(m.float64())], // BINFLOAT
      ['X', (m) => m.push(m.text(m.uint32()))], // BINUNICODE
      ['\x8c', (m) => m.push(m.text(m.byte()))], // SHORT_BINUNICODE
      ['\x8d', (m) => m.push(m.text(m.uint64()))], // BINUNICODE8
      ['U', (m) => m.push(m.text(m.byte(), latin1))], // SHORT_BINSTRING: Python 2
      ['T', (m) => m.push(m.text(m.uint32(), latin1))], // BINSTRING: Python 2
      ['C', (m) => m.push(m.bytes(m.byte()))], // SHORT_BINBYTES
      ['B', (m) => m.push(m.bytes(m.uint32()))], // BINBYTES
      ['\x8e', (m) => m.push(m.bytes(m.uint64()))], // BINBYTES8
      [']', (m) => m.push([])], // EMPTY_LIST
      ['a', (m) => m.appendTo([m.pop()])], // APPEND
      ['e', (m) => m.appendTo(m.popMark())], // APPENDS
      ['}', (m) => m.push(new Map())], // EMPTY_DICT
      ['s', (m) => m.setItems(m.popTuple(2).items)], // SETITEM
      ['u', (m) => m.setItems(m.popMark())], // SETITEMS
      [')', (m) => m.push(new Tuple([]))], // EMPTY_TUPLE
      ['\x85', (m) => m.push(m.popTuple(1))], // TUPLE1
      ['\x86', (m) => m.push(m.popTuple(2))], // TUPLE2
      ['\x87', (m) => m.push(m.popTuple(3))], // TUPLE3
      ['t', (m) => m.push(new Tuple(m.popMark()))], // TUPLE
      ['q', (m) => m.put(m.byte())], // BINPUT
      ['r', (m) => m.put(m.uint32())], // LONG_BINPUT
      ['\x94', (m) => m.memoize()], // MEMOIZE
      ['h', (m) => m.get(m.byte())], // BINGET
      ['j', (m) => m.get(m.uint32())], // LONG_BINGET
      ['c', (m) => m.push(m.builder.global(`${m.line()}.${m.line()}`))], // GLOBAL
      ['\x93', (m) => m.push(m.builder.global(m.popTuple(2).items.map(textOf).join('.')))], // STACK_GLOBAL
      ['i', (m) => m.push(m.builder.global(`${m.line()}.${m.line()}`).call(m.popMark(), m.charge))], // INST
      ['R', (m) => m.reduce(m.pop())], // REDUCE
      ['b', (m) => buildTop(m, m.pop())], // BUILD
      ['Q', (m) => m.push(m.builder.persistent(m.pop()))], // BINPERSID
    ] satisfies [string, (m: Machine) => void][]
  ).map(([character, operation]) => [character.charCodeAt(0), operation]),
);

function checkProtocol(protocol: number): void {
  if (protocol > HIGHEST_PROTOCOL) fail(`its pickle is of protocol ${protocol}; allowed: up to ${HIGHEST_PROTOCOL}`);
}

function buildTop(m: Machine, state: PickleValue): void {
  m.builder.build(m.top(), state);
}

const textOf = (value: PickleValue): string => (typeof value === 'string' ? value : fail('its pickle names a thing by what is not a text'));

/**
 * Reads the pickle that begins at `start`.
 * @returns its value, and the place behind its end.
 * @throws CheckpointError with the reason where it is damaged, names what is not on the builder's list, or does too much.
 */
export function unpickle(bytes: Uint8Array, start: number, builder: PickleBuilder): { value: PickleValue; end: number } {
  const machine = new Machine(bytes, start, builder);
  const value = machine.run();
  return { value, end: machine.at };
}

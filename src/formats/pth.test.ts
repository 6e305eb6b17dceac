import { describe, expect, it } from 'vitest';
import { fuzzPth, goodFiles } from '../../scripts/fuzz-pth.mjs';
import {
  call,
  dict,
  floats,
  global,
  good,
  int,
  long,
  read,
  refusal,
  storage,
  tensorOf,
  text,
  tuple,
  u32,
  values,
  zipped,
} from '../../test/support/pickles.ts';
import { CheckpointError } from '../base/errors.ts';
import { crc32 } from './crc32.ts';
import { readPth } from './pth.ts';
import { archiveOf, PthArchive } from './pth-zip.ts';

describe('what checkpoints of the field hold beside tensors', () => {
  it('attributes of a state dict, parameters, views, expanded and old tensors', () => {
    const file = read(
      `${global('collections.OrderedDict')})R(${[
        text('parameter') + call('torch._utils._rebuild_parameter', good, '\x88', `${global('collections.OrderedDict')})R`),
        text('rows') + tensorOf(storage('0', int(6)), int(1), [int(3), int(2)], [int(1), int(3)]).replace(int(3), int(2)),
        text('expanded') + tensorOf(storage('0', int(6)), int(5), [int(2), int(2)], [int(0), int(0)]),
        text('old') + call('torch._utils._rebuild_tensor', storage('0', int(6)), int(2), tuple(int(2)), tuple(int(2))),
      ].join('')}u${dict(['_metadata', '}'])}b`,
    );
    expect(values(file, 'parameter')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(values(file, 'rows')).toEqual([1, 4, 2, 5]);
    expect(values(file, 'expanded')).toEqual([5, 5, 5, 5]);
    expect(values(file, 'old')).toEqual([2, 4]);
  });

  it('scores of numpy, from Python 3 and 2, sizes, dtypes, devices, counters', () => {
    const type = `${call('numpy.dtype', text('f8'), int(0), int(1))}${tuple(int(3), text('<'), 'N', 'N', 'N')}b`;
    // 71.25 as a double: 00 00 00 00 00 d0 51 40; as a text the byte d0 takes two.
    const raw = '\x00\x00\x00\x00\x00\xd0\x51\x40';
    const encoded = `X${u32(9)}\x00\x00\x00\x00\x00\xc3\x90\x51\x40`;
    const { others, entry } = read(
      dict(
        ['model', dict(['w', good])],
        ['new', call('numpy.core.multiarray.scalar', type, call('_codecs.encode', encoded, text('latin1')))],
        ['old', call('numpy._core.multiarray.scalar', type, `U\x08${raw}`)],
        ['bytes', call('numpy.core.multiarray.scalar', type, `C\x08${raw}`)],
        ['size', call('torch.Size', tuple(int(1)))],
        ['dtype', global('torch.float16')],
        ['device', call('torch.device', text('cuda'), int(0))],
        ['milestones', call('collections.Counter', '}')],
        ['negative', 'J\xff\xff\xff\xff'],
        ['nothing', 'N'],
      ),
    );
    expect(entry).toBe('model');
    expect(Object.fromEntries(others)).toEqual({
      new: 71.25,
      old: 71.25,
      bytes: 71.25,
      size: null,
      dtype: null,
      device: null,
      milestones: null,
      negative: -1,
      nothing: null,
    });
  });

  it('names of an OrderedDict as Python 2 pickled it, and of pickle protocol 4', () => {
    const pair = (name: string): string => `](${text(name)}${good}e`;
    expect([...read(call('collections.OrderedDict', `](${pair('b')}${pair('a')}e`)).tensors.keys()]).toEqual(['b', 'a']);
    const framed = `\x80\x04\x95${u32(9)}${u32(0)}}\x94\x8c\x01w${text('torch._utils')}${text('_rebuild_tensor_v2')}\x93\x94`;
    const rest = `${tuple(storage('0', int(6)), int(0), tuple(int(6)), tuple(int(1)))}Rs`;
    expect(values(read(framed + rest), 'w')).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe("the network's weights in a checkpoint", () => {
  const weights = dict(['w', good]);
  it.each([
    [
      ['model', weights],
      ['model_ema', weights],
    ],
    [
      ['state_dict', weights],
      ['teacher', weights],
    ],
    [
      ['teacher', weights],
      ['optimizer', dict(['exp_avg', good])],
    ],
    [
      ['student', weights],
      ['teacher', '}'],
    ],
  ] as [string, string][][])('are taken from the first entry: %#', (...entries) => {
    const file = read(dict(...entries));
    expect([file.entry, [...file.tensors.keys()], [...file.others.keys()]]).toEqual([entries[0]![0], ['w'], [entries[1]![0]]]);
  });

  it('model is preferred, wherever it stands', () => {
    expect(read(dict(['teacher', weights], ['state_dict', weights], ['model', weights])).entry).toBe('model');
  });

  it('`module.` is taken off where all names have it, and only then', () => {
    expect([...read(dict(['module.a', good], ['module.b', good])).tensors.keys()]).toEqual(['a', 'b']);
    expect([...read(dict(['module.a', good], ['b', good])).tensors.keys()]).toEqual(['module.a', 'b']);
  });

  it.each([
    [
      'two that are as likely',
      dict(['teacher', weights], ['student', weights], ['epoch', int(3)]),
      /2 entries may hold.*teacher \(1 tensors\), student \(1 tensors\), epoch \(3\); allowed: a state dict/,
    ],
    [
      'none',
      dict(['optimizer', weights], ['epoch', int(3)]),
      /no entry holds the weights of the network; its entries: optimizer \(1 tensors\), epoch/,
    ],
    ['nothing', '}', /its entries: none/],
    ['no dictionary', `](${int(1)}${int(2)}e`, /it holds a list of 2; allowed: a dictionary of tensors/],
    ['something else among the tensors', dict(['w', good], ['epoch', int(12)]), /its entry 'epoch' is no tensor: 12/],
    ['something else in model', dict(['model', dict(['w', good], ['x', text('y')])]), /entry 'model': 'x' is no tensor: a text/],
  ])('are not guessed: %s', (_, pickle, message) => {
    expect(refusal(() => read(pickle))).toMatch(message);
  });
});

describe('hostile checkpoints', () => {
  const huge = long(2n ** 60n);
  const state = (tensor: string): string => dict(['w', tensor]);
  it.each([
    ['os.system', dict(['w', call('os.system', text('touch PWNED'))]), /names os\.system; allowed: .*collections\.OrderedDict/],
    ['a name that is not called', state(global('builtins.eval')), /names builtins\.eval/],
    ['a name by INST', `(${text('ls')}iposix\nsystem\n`, /names posix\.system/],
    ['a name by STACK_GLOBAL', `${text('nt')}${text('system')}\x93`, /names nt\.system/],
    ['a name with a line break', `${text('torch\nFloatStorage')}${text('x')}\x93`, /names torch\\u000aFloatStorage\.x/],
    ['a type that is called', call('torch.FloatStorage', int(3)), /calls torch\.FloatStorage/],
    ['an inherited name', call('collections.constructor'), /names collections\.constructor/],
    [
      'an unknown storage',
      state(tensorOf(storage('0', int(6), 'torch.ComplexFloatStorage'), int(0), [], [])),
      /names torch\.ComplexFloatStorage/,
    ],
    ['a storage of no type', state(tensorOf(storage('0', int(6), 'torch.float32'), int(0), [], [])), /a storage of type torch\.float32/],
    ['a storage that is not there', state(tensorOf(storage('9', int(6)), int(0), [], [])), /storage 9 is not in the file/],
    [
      'a storage of another length',
      state(tensorOf(storage('0', int(7)), int(0), [], [])),
      /storage 0 has 24 bytes; 7 elements of F32 take 28/,
    ],
    [
      'a storage of two lengths',
      dict(['a', good], ['b', tensorOf(storage('0', int(5)), int(0), [], [])]),
      /spoken of with two types or lengths/,
    ],
    [
      'a path out of the archive',
      state(tensorOf(storage('../version', int(6)), int(0), [], [])),
      /storage \.\.\/version is not in the file/,
    ],
    [
      'a tensor larger than its storage',
      state(tensorOf(storage('0', int(6)), int(0), [int(7)], [int(1)])),
      /needs element 6 of storage 0, which has 6/,
    ],
    ['an offset behind the storage', state(tensorOf(storage('0', int(6)), int(6), [], [])), /needs element 6/],
    [
      'a stride out of the storage',
      state(tensorOf(storage('0', int(6)), int(0), [int(2), int(2)], [int(1), huge])),
      /strides? is not a list|needs element/,
    ],
    [
      'terabytes by strides of 0',
      state(tensorOf(storage('0', int(6)), int(0), [int(1 << 20), int(1 << 20)], [int(0), int(0)])),
      /would take 4398046511104 bytes; allowed for a file of \d+ bytes/,
    ],
    [
      'more elements than there are numbers',
      state(tensorOf(storage('0', int(6)), int(0), Array(9).fill(int(1 << 20)), Array(9).fill(int(0)))),
      /more elements than can be counted/,
    ],
    [
      'an empty tensor of huge sides',
      state(tensorOf(storage('0', int(6)), int(0), [...Array(9).fill(int(1 << 20)), int(0)], Array(10).fill(int(1)))),
      /more elements/,
    ],
    [
      'a negative side',
      state(tensorOf(storage('0', int(6)), int(0), ['J\xff\xff\xff\xff'], [int(1)])),
      /shape is not a list of at most 64 whole numbers/,
    ],
    ['65 sides', state(tensorOf(storage('0', int(6)), int(0), Array(65).fill(int(1)), Array(65).fill(int(1)))), /at most 64/],
    ['sides without strides', state(tensorOf(storage('0', int(6)), int(0), [int(1)], [])), /1 sides and 0 strides/],
    ['a list for a key', `}](${int(1)}e${good}s`, /key that is neither a text nor a number/],
    ['a memo entry that is not there', state('h\x07'), /entry 7, which it does not have/],
    ['an empty stack', 'a', /takes from an empty stack/],
    ['a value below the mark', `](${int(1)}tta`, /takes from an empty stack|closes what it did not open|appends/],
    ['values left over', int(1) + int(2), /leaves values over/],
    ['an open mark', `(${int(1)}`, /leaves values over|empty stack/],
    ['a text longer than the file', `X\xff\xff\xff\x00`, /it ends inside its pickle/],
    ['a text of gigabytes', `X\xff\xff\xff\x7f`, /text of 2147483647 bytes/],
    ['a text that is not UTF-8', `X${u32(1)}\xff`, /not UTF-8/],
    ['an integer of megabytes', `\x8b${u32(1 << 24)}`, /integer of 16777216 bytes/],
    ['an opcode of protocol 0', `I1\n`, /operation 0x49 at byte 2/],
    ['protocol 9', '\x80\x09}', /protocol 9; allowed: up to 5/],
    ['a state for a tensor', state(`${good}}b`), /gives a state to what has none/],
    ['a persistent id that is a text', `${text('x')}Q`, /refers to something outside/],
    ['a call of a text', `${text('x')})R`, /calls what is no function/],
  ])('%s', (_, pickle, message) => {
    expect(refusal(() => read(pickle))).toMatch(message);
  });

  /** @returns the message, once it came within seconds. */
  function quickly(open: () => unknown): string {
    const began = performance.now();
    const message = refusal(open);
    expect(performance.now() - began).toBeLessThan(20_000);
    return message;
  }

  it('lists that hold themselves twice, many times over, are never copied', () => {
    const doubled = `]q\x00(h\x00h\x00e${'q\x00]q\x01(h\x00h\x00eq\x00'.repeat(2000)}`;
    expect(quickly(() => read(doubled))).toMatch(/leaves values over/);
    const cyclic = read(`}q\x00(${text('self')}h\x00${text('model')}${dict(['w', good])}u`);
    expect(cyclic.tensors.size).toBe(1);
  });

  it('sides and strides that grow after they were checked do not change a tensor', () => {
    const list = (value: number, entry: number) => `]q${String.fromCharCode(entry)}(${int(value)}e`;
    const rebuild = `${global('torch._utils._rebuild_tensor_v2')}(${storage('0', int(6))}${int(0)}${list(6, 0)}${list(1, 1)}\x89${global('collections.OrderedDict')})Rt`;
    const grown = [0, 1].map((entry) => `h${String.fromCharCode(entry)}(${int(2).repeat(1000)}e`).join('');
    const { tensors } = read(dict(['model', dict(['w', `${rebuild}R`])], ['later', `(${grown}t`]));
    expect(tensors.get('w')!.shape).toEqual([6]);
  });

  it('sixty-three sides of 1 behind a long one', () => {
    const ones = Array<string>(63).fill(int(1));
    const zeros = Array<string>(63).fill(int(0));
    const file = zipped(state(tensorOf(storage('0', int(6)), int(0), [int(1 << 22), ...ones], [int(0), ...zeros])));
    expect(readPth(file).tensors.get('w')!.data).toHaveLength(1 << 24);
  });

  it('a depth of a quarter of a million', () => {
    expect(quickly(() => read(`N${'\x85'.repeat(250_000)}`))).toMatch(/it holds something else/);
    expect(quickly(() => read(`${'('.repeat(250_000)}N${'t'.repeat(250_000)}`))).toMatch(/it holds something else/);
  });

  it('more operations than any checkpoint has', () => {
    expect(quickly(() => read(']'.repeat(3_000_000)))).toMatch(/more than 524288 operations/);
  });

  it('a list of pairs that is copied again and again', () => {
    const pairs = `](${`](${text('a')}Ne`.repeat(1000)}eq\x00`;
    const copies = `${global('collections.OrderedDict')}h\x00\x85R`.repeat(100_000);
    expect(quickly(() => read(`(${pairs}${copies}t`))).toMatch(/more than 524288 operations/);
  });

  it('one dictionary under a hundred thousand likely names', () => {
    const weights = dict(
      ...Array.from({ length: 50_000 }, (_, k): [string, string] => [`w${k}`, k === 0 ? `${good}r${u32(1)}` : `j${u32(1)}`]),
    );
    const names = Array.from({ length: 100_000 }, (_, k) => `${text(`net${k}`)}j${u32(2)}`).join('');
    expect(quickly(() => read(`}(${text('net')}${weights}r${u32(2)}${names}u`))).toMatch(/100001 entries may hold/);
  });

  it('one tensor of a megabyte under thirty thousand names', () => {
    const big = tensorOf(storage('0', int(1 << 18)), int(0), [int(1 << 18)], [int(1)]);
    const names = Array.from({ length: 30_000 }, (_, k) => `${text(`w${k}`)}j${u32(1)}`).join('');
    const file = zipped(`}(${text('w')}${big}r${u32(1)}${names}u`, [['data/0', floats(1 << 18)]]);
    expect(quickly(() => readPth(file))).toMatch(/would take 314\d+ bytes; allowed/);
  });
});

it('no mutation of the good files crashes, hangs or takes memory without bound', () => {
  const {
    cases,
    read: accepted,
    refused,
    slowest_s,
  } = fuzzPth({ readPth, PthArchive, archiveOf, crc32, CheckpointError, files: goodFiles(), count: 400, seed: 1 });
  expect(cases).toBe(400);
  expect(accepted).toBeGreaterThan(10);
  expect(refused).toBeGreaterThan(200);
  expect(slowest_s).toBeLessThan(2);
});

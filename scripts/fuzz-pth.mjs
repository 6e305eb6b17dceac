#!/usr/bin/env node
/**
 * Throws damaged checkpoints at the reader of .pth files: each must be read, or refused with a CheckpointError, within bounds of time
 * and memory. A share of the cases runs as an ordinary test (src/formats/pth.test.ts).
 *
 *   npm run build && node scripts/fuzz-pth.mjs [--count 10000] [--seed 0]
 *
 * Each case is one of PyTorch's own files (golden/pth, from DSSN_GOLDEN or test/golden) after 1 to 3 mutations: flipped bits, a cut, a
 * splice from another file, a range duplicated or deleted, a length or count changed, or an edit of the pickle by its opcodes. Three in four
 * damaged zip archives get their checksums right again, so that the damage reaches the pickle machine. A case is a function of the seed
 * and its number alone: `--seed S --only N` repeats one.
 *
 * Prints one line of JSON; ends with 1 where a case threw anything else, took more than MOST_SECONDS, gave an array that does not fit its
 * shape, or where resident memory grew by more than MOST_MB.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const MOST_SECONDS = 2;
const MOST_MB = 512;
const GOLDEN = process.env.DSSN_GOLDEN ?? fileURLToPath(new URL('../test/golden', import.meta.url));
const GOOD = ['state_dict.zip.pth', 'state_dict.legacy.pth', 'checkpoint.pth'];
/** Records of the golden archives. */
const RECORDS = ['data.pkl', ...Array.from({ length: 11 }, (_, k) => `data/${k}`), 'version'];
/** Where the pickle of the object begins and ends in the legacy file: behind the machine's, before the list of keys. */
const LEGACY_PICKLE = { start: 137, endsBefore: Buffer.from('\x80\x02]q\x00(', 'latin1') };

/**
 * @typedef {{ tensors: Map<string, { dtype: string, shape: readonly number[], data: Uint8Array }> }} PthFile
 * @typedef {object} Tools what is tested, and what repairs archives
 * @property {(bytes: Uint8Array) => PthFile} readPth
 * @property {new (bytes: Uint8Array) => { read(path: string): Uint8Array | undefined }} PthArchive
 * @property {(folder: string, records: [string, Uint8Array][]) => Uint8Array[]} archiveOf
 * @property {(bytes: Uint8Array) => number} crc32
 * @property {new (message: string) => Error} CheckpointError
 *
 * @typedef {(least: number, most: number) => number} Draw a whole number from least to most
 */

/** @returns {Buffer[]} */
export function goodFiles() {
  return GOOD.map((name) => readFileSync(join(GOLDEN, 'pth', name)));
}

/**
 * Numbers named by a seed and a case (mulberry32).
 * @param {number} seed
 * @param {number} number
 * @returns {Draw}
 */
function drawer(seed, number) {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) | 0;
  const unit = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return (least, most) => least + Math.floor(unit() * (most - least + 1));
}

/**
 * @template T
 * @param {Draw} draw
 * @param {readonly T[]} list
 * @returns {T}
 */
const pick = (draw, list) => /** @type {T} */ (list[draw(0, list.length - 1)]);

/**
 * @param {Draw} draw
 * @param {number} length
 */
function range(draw, length) {
  const start = draw(0, Math.max(0, length - 1));
  return { start, end: Math.min(length, start + pick(draw, [1, 2, 4, 16, 64, 512])) };
}

/** Values that lengths and counts are changed to. */
const EDGES = [0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** @type {Readonly<Record<string, (bytes: Buffer, draw: Draw, files: readonly Buffer[]) => Buffer>>} */
const MUTATIONS = {
  flip(bytes, draw) {
    const flipped = Buffer.from(bytes);
    for (let k = draw(1, 8); k > 0 && bytes.length > 0; k--) {
      const place = draw(0, bytes.length - 1);
      flipped[place] = (flipped[place] ?? 0) ^ (1 << draw(0, 7));
    }
    return flipped;
  },
  cut: (bytes, draw) => bytes.subarray(0, draw(0, bytes.length)),
  splice(bytes, draw, files) {
    const other = pick(draw, files);
    const { start, end } = range(draw, other.length);
    const at = draw(0, bytes.length);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(start, end), bytes.subarray(at + draw(0, 1) * (end - start))]);
  },
  duplicate(bytes, draw) {
    const { start, end } = range(draw, bytes.length);
    const copies = Array.from({ length: draw(1, 40) }, () => bytes.subarray(start, end));
    return Buffer.concat([bytes.subarray(0, end), ...copies, bytes.subarray(end)]);
  },
  remove(bytes, draw) {
    const { start, end } = range(draw, bytes.length);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  },
  /** A number somewhere, or one of the zip archive's own. */
  length(bytes, draw) {
    const changed = Buffer.from(bytes);
    const size = pick(draw, [1, 2, 4]);
    const end = bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1');
    const place = end >= 0 && draw(0, 1) === 0 ? end + draw(4, 21) : draw(0, bytes.length);
    if (place + size <= bytes.length) changed.writeUIntLE(pick(draw, EDGES) % 2 ** (8 * size), place, size);
    return changed;
  },
};

/** Opcodes and short sequences of them that are put into a pickle. */
const SNIPPETS = [
  '(',
  '.',
  '0',
  'N',
  '\x88',
  ']',
  '}',
  ')',
  't',
  'R',
  'b',
  'Q',
  'e',
  'u',
  's',
  'a',
  '\x85',
  '\x86',
  '\x87',
  'q\x02',
  'h\x02',
  'h\x0a',
  'h\x0d',
].concat([
  'K\x00',
  'K\xff',
  'M\xff\xff',
  'J\xff\xff\xff\xff',
  'J\xff\xff\xff\x7f',
  '\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f',
  'G\x7f\xf0\x00\x00\x00\x00\x00\x00',
  'cos\nsystem\n',
  'ctorch\nFloatStorage\n',
  'ctorch\nHalfStorage\n',
  'ccollections\nOrderedDict\n',
  'X\x01\x00\x00\x000',
  'h\x02h\x02(',
  '\x80\x04',
  'I1\n',
  ']q\x00(h\x00h\x00e',
]);

/** @type {(pickle: Buffer, draw: Draw) => Buffer} */
function editPickle(pickle, draw) {
  let edited = pickle;
  for (let k = pick(draw, [1, 1, 1, 2, 3]); k > 0; k--) {
    const at = draw(2, Math.max(2, edited.length - 1));
    const snippet = Buffer.from(pick(draw, SNIPPETS).repeat(draw(0, 9) === 0 ? draw(2, 5000) : 1), 'latin1');
    const integers = [...edited.keys()].filter((place) => edited[place] === 0x4b);
    if (draw(0, 3) > 0 && integers.length > 0) {
      // A number of a shape, a stride, an offset or a storage's length becomes another.
      const place = pick(draw, integers);
      const number = pick(draw, [Buffer.from([0x4b, draw(0, 6)]), Buffer.from([0x4b, draw(0, 255)]), snippet]);
      edited = Buffer.concat([edited.subarray(0, place), number, edited.subarray(place + 2)]);
    } else edited = Buffer.concat([edited.subarray(0, at), snippet, edited.subarray(at + draw(0, 2))]);
  }
  return edited;
}

/** @type {(bytes: Buffer, draw: Draw, tools: Tools) => Buffer} */
function editObject(bytes, draw, { PthArchive, archiveOf }) {
  if (bytes[0] !== 0x50) {
    const end = bytes.indexOf(LEGACY_PICKLE.endsBefore, LEGACY_PICKLE.start);
    return Buffer.concat([
      bytes.subarray(0, LEGACY_PICKLE.start),
      editPickle(bytes.subarray(LEGACY_PICKLE.start, end), draw),
      bytes.subarray(end),
    ]);
  }
  const archive = new PthArchive(bytes);
  const records = RECORDS.flatMap((path) => {
    const data = archive.read(path);
    return data ? [/** @type {[string, Uint8Array]} */ ([path, path === 'data.pkl' ? editPickle(Buffer.from(data), draw) : data])] : [];
  });
  return Buffer.concat(archiveOf('archive', records));
}

/**
 * Makes the checksums of a damaged archive right again, as far as its directory can be followed.
 * @param {Buffer} bytes
 * @param {Tools['crc32']} crc32
 * @returns {Buffer}
 */
function repaired(bytes, crc32) {
  const right = Buffer.from(bytes);
  const end = right.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  let at = end >= 0 && end + 22 <= right.length ? right.readUInt32LE(end + 16) : right.length;
  while (at + 46 <= right.length && right.readUInt32LE(at) === 0x02014b50) {
    const local = right.readUInt32LE(at + 42);
    if (local + 30 <= right.length) {
      const start = local + 30 + right.readUInt16LE(local + 26) + right.readUInt16LE(local + 28);
      right.writeUInt32LE(crc32(right.subarray(start, start + right.readUInt32LE(at + 24))), at + 16);
    }
    at += 46 + right.readUInt16LE(at + 28) + right.readUInt16LE(at + 30) + right.readUInt16LE(at + 32);
  }
  return right;
}

/**
 * One damaged file.
 * @param {readonly Buffer[]} files
 * @param {Draw} draw
 * @param {Tools} tools
 * @returns {Buffer}
 */
function damagedFile(files, draw, tools) {
  const good = pick(draw, files);
  // Edits come first: they need a whole file.
  let bytes = draw(0, 1) === 0 ? editObject(good, draw, tools) : good;
  if (bytes === good || draw(0, 3) === 0)
    for (let k = pick(draw, [1, 1, 2, 3]); k > 0; k--) bytes = pick(draw, Object.values(MUTATIONS))(bytes, draw, files);
  return bytes[0] === 0x50 && draw(0, 3) > 0 ? repaired(bytes, tools.crc32) : bytes;
}

/** @type {Readonly<Record<string, number>>} */
const BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 };

/**
 * Runs `count` cases from `first` on.
 * @param {Tools & { files: readonly Buffer[], count: number, seed: number, first?: number }} options
 * @throws Error that names the seed and the case, where the reader did what it must not
 */
export function fuzzPth({ files, count, seed, first = 0, ...tools }) {
  const before = process.resourceUsage().maxRSS;
  const result = { seed, cases: 0, read: 0, refused: 0, slowest_s: 0, rss_growth_mb: 0 };
  for (let number = first; number < first + count; number++) {
    const bytes = damagedFile(files, drawer(seed, number), tools);
    const wrong = (/** @type {string} */ what) => new Error(`--seed ${seed} --only ${number}: ${what}`);
    const began = performance.now();
    try {
      const { tensors } = tools.readPth(bytes);
      result.read++;
      for (const [name, { dtype, shape, data }] of tensors)
        if (data.length !== shape.reduce((product, side) => product * side, BYTES[dtype] ?? Number.NaN))
          throw wrong(`${name} does not fit its shape`);
    } catch (error) {
      if (!(error instanceof tools.CheckpointError)) throw wrong(error instanceof Error ? (error.stack ?? error.message) : String(error));
      result.refused++;
    }
    const seconds = (performance.now() - began) / 1000;
    if (seconds > MOST_SECONDS) throw wrong(`took ${seconds.toFixed(1)} s`);
    result.slowest_s = Math.max(result.slowest_s, Number(seconds.toFixed(3)));
    result.cases++;
  }
  result.rss_growth_mb = Math.round((process.resourceUsage().maxRSS - before) / 1024);
  if (result.rss_growth_mb > MOST_MB) throw new Error(`--seed ${seed}: resident memory grew by ${result.rss_growth_mb} MB`);
  return result;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = { type: /** @type {const} */ ('string') };
  const { values } = parseArgs({ options: { count: { ...text, default: '10000' }, seed: { ...text, default: '0' }, only: text } });
  const { readPth } = await import('../dist/formats/pth.js');
  const { PthArchive, archiveOf } = await import('../dist/formats/pth-zip.js');
  const { crc32 } = await import('../dist/formats/crc32.js');
  const { CheckpointError } = await import('../dist/base/errors.js');
  const cases = values.only === undefined ? { count: Number(values.count) } : { first: Number(values.only), count: 1 };
  console.log(
    JSON.stringify(
      fuzzPth({ readPth, PthArchive, archiveOf, crc32, CheckpointError, files: goodFiles(), seed: Number(values.seed), ...cases }),
    ),
  );
}

import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { dict, floats, good, int, refusal, storage, tensorOf, values, zipped } from '../../test/support/pickles.ts';
import { crc32, ownCrc32 } from './crc32.ts';
import { readPth } from './pth.ts';
import { writePth } from './pth-write.ts';
import { archiveOf, PthArchive } from './pth-zip.ts';
import type { NamedArray, NamedArrayType } from './safetensors.ts';
import { readWeightsFile, writePthFile } from './weights-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'pth-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('zip archives', () => {
  const whole = zipped(dict(['w', good]));
  const changed = (change: (view: DataView, end: number) => void): Uint8Array => {
    const bytes = Uint8Array.from(whole);
    change(new DataView(bytes.buffer), bytes.length - 22);
    return bytes;
  };
  const entry = (view: DataView, end: number): number => view.getUint32(end + 16, true);

  it.each<[string, RegExp, (view: DataView, end: number) => void]>([
    [
      'a directory behind the end',
      /a directory of 3 entries at bytes 4026531840/,
      (view, end) => view.setUint32(end + 16, 0xf0000000, true),
    ],
    ['more entries than fit', /a directory of 9999 entries/, (view, end) => view.setUint16(end + 10, 9999, true)],
    ['zip64 without its records', /zip64 locator is missing/, (view, end) => view.setUint16(end + 10, 0xffff, true)],
    [
      'a compressed record',
      /record a\/data\.pkl is compressed \(method 8\)/,
      (view, end) => view.setUint16(entry(view, end) + 10, 8, true),
    ],
    ['an encrypted record', /record a\/data\.pkl is encrypted/, (view, end) => view.setUint16(entry(view, end) + 8, 1, true)],
    ['a record of two sizes', /has two sizes/, (view, end) => view.setUint32(entry(view, end) + 20, 5, true)],
    ['a header outside the file', /speaks of byte 4026531843/, (view, end) => view.setUint32(entry(view, end) + 42, 0xf0000000, true)],
    ['a header that is none', /has no header at byte 1/, (view, end) => view.setUint32(entry(view, end) + 42, 1, true)],
    ['a flipped bit of a record', /checksum of record data\.pkl/, (view) => view.setUint8(70, view.getUint8(70) ^ 1)],
    [
      'a record into the directory',
      /reaches into the directory/,
      (view, end) => {
        for (const field of [20, 24]) view.setUint32(entry(view, end) + field, end, true);
      },
    ],
  ])('%s', (_, message, change) => {
    expect(refusal(() => readPth(changed(change)))).toMatch(message);
  });

  it('no data.pkl, a record outside the folder, twice, big-endian numbers', () => {
    const archive = (records: [string, Uint8Array][]): Uint8Array => Buffer.concat(archiveOf('a', records));
    expect(refusal(() => readPth(archive([['version', floats(1)]])))).toMatch(/no data\.pkl/);
    expect(
      refusal(() =>
        readPth(
          archive([
            ['data.pkl', floats(1)],
            ['data.pkl', floats(1)],
          ]),
        ),
      ),
    ).toMatch(/data\.pkl stands there twice/);
    expect(refusal(() => readPth(archive([['byteorder', Buffer.from('big')]])))).toMatch(/not little-endian/);
    const strayed = Buffer.from(
      archive([
        ['data.pkl', floats(1)],
        ['x', floats(1)],
      ]),
    );
    // In the record's own header and in the directory.
    for (let at = strayed.indexOf('a/x'); at >= 0; at = strayed.indexOf('a/x')) strayed.write('b/x', at);
    expect(refusal(() => readPth(strayed))).toMatch(/is not in its folder/);
  });

  it('records that overlap are read no more than the file has bytes', () => {
    const keys = Array.from({ length: 50 }, (_, k) => String(k));
    const file = zipped(
      dict(...keys.map((key): [string, string] => [key, tensorOf(storage(key, int(25_000)), int(0), [], [])])),
      keys.map((key) => [`data/${key}`, key === '0' ? floats(25_000) : new Uint8Array()]),
    );
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    const first = view.getUint32(file.length - 6, true) + 46 + 'a/data.pkl'.length;
    let at = first;
    for (const _ of keys) {
      for (const field of [16, 20, 24, 42]) view.setUint32(at + field, view.getUint32(first + field, true), true);
      at += 46 + view.getUint16(at + 28, true);
    }
    expect(refusal(() => readPth(file))).toMatch(/its records overlap/);
  });

  it('of zip64 are read', () => {
    const plain = zipped(dict(['w', good]));
    const end = plain.length - 22;
    const old = new DataView(plain.buffer, plain.byteOffset);
    const tail = Buffer.alloc(56 + 20);
    tail.writeUInt32LE(0x06064b50, 0);
    tail.writeBigUInt64LE(BigInt(old.getUint16(end + 10, true)), 32);
    tail.writeBigUInt64LE(BigInt(old.getUint32(end + 12, true)), 40);
    tail.writeBigUInt64LE(BigInt(old.getUint32(end + 16, true)), 48);
    tail.writeUInt32LE(0x07064b50, 56);
    tail.writeBigUInt64LE(BigInt(end), 64);
    const last = Buffer.from(plain.subarray(end));
    last.writeUInt16LE(0xffff, 10);
    last.writeUInt32LE(0xffffffff, 16);
    expect(values(readPth(Buffer.concat([plain.subarray(0, end), tail, last])), 'w')).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('checksums are the same with and without the one of zlib', () => {
    for (const length of [0, 1, 1000]) expect(ownCrc32(floats(length))).toBe(crc32(floats(length)));
    expect(ownCrc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  });
});

describe('writePth', () => {
  const sizes = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 };
  const arrays = fc.dictionary(
    fc.string({ unit: 'grapheme' }).filter((name) => !name.startsWith('module.') && name !== '__proto__'),
    fc.record({ dtype: fc.constantFrom(...(Object.keys(sizes) as NamedArrayType[])), shape: fc.array(fc.nat(4), { maxLength: 3 }) }).map(
      ({ dtype, shape }): NamedArray => ({
        dtype,
        shape,
        data: Uint8Array.from({ length: shape.reduce((a, b) => a * b, sizes[dtype]) }, (_, i) => (i * 37) & 255),
      }),
    ),
    { minKeys: 1 },
  );

  it('gives back what was written: names in their order, types, shapes, bytes', () => {
    void fc.assert(
      fc.property(arrays, (written) => {
        const { tensors, entry } = readPth(Buffer.concat(writePth(Object.entries(written))));
        expect([entry, [...tensors]]).toEqual([null, Object.entries(written)]);
      }),
      { numRuns: 60 },
    );
  });

  it('begins every record at a multiple of 64, and writes version and byte order', () => {
    const bytes = Buffer.concat(
      writePth([
        ['w', { dtype: 'F32', shape: [2, 3], data: floats(6) }],
        ['s', { dtype: 'I64', shape: [], data: new Uint8Array(8) }],
      ]),
    );
    const archive = new PthArchive(bytes);
    for (const [path, content] of [
      ['version', '3\n'],
      ['byteorder', 'little'],
    ] as const)
      expect(Buffer.from(archive.read(path)!).toString()).toBe(content);
    for (const path of ['data.pkl', 'byteorder', 'data/0', 'data/1', 'version'])
      expect((archive.read(path)!.byteOffset - bytes.byteOffset) % 64, path).toBe(0);
  });

  it('writes large numbers, and refuses what would not be read again', () => {
    const shape = [70_000, 1, 300];
    const big: NamedArray = { dtype: 'U8', shape, data: new Uint8Array(21_000_000) };
    expect(readPth(Buffer.concat(writePth([['w', big]]))).tensors.get('w')!.shape).toEqual(shape);
    expect(() =>
      writePth([
        ['w', big],
        ['w', big],
      ]),
    ).toThrow(/'w' is taken/);
    expect(() => writePth([['w', { ...big, dtype: 'F32' }]])).toThrow(/'w'.*needs 84000000 bytes, got 21000000/);
  });

  it('replaces a file as a whole, and a failure names it', () => {
    const path = join(folder, 'new', 'weights.pth');
    writePthFile(path, [['w', { dtype: 'F32', shape: [6], data: floats(6) }]]);
    expect(() => writePthFile(path, [['w', { dtype: 'F32', shape: [7], data: floats(6) }]])).toThrow(/weights\.pth: .*'w'/);
    expect([...readWeightsFile(path).tensors.keys()]).toEqual(['w']);
    expect(readdirSync(join(folder, 'new'))).toEqual(['weights.pth']);
  });
});

describe('readWeightsFile', () => {
  it('tells the formats apart by their bytes', () => {
    const path = join(folder, 'named-wrongly.safetensors');
    writeFileSync(path, zipped(dict(['w', good])));
    expect(readWeightsFile(path).format).toBe('pth');
    for (const content of ['', 'PK', '<html>Not found</html>', '\x80\x02}.']) {
      writeFileSync(path, content);
      expect(refusal(() => readWeightsFile(path))).toContain(path);
    }
    expect(refusal(() => readWeightsFile(folder))).toContain(folder);
    expect(refusal(() => readWeightsFile(join(folder, 'absent.pth')))).toMatch(/absent\.pth: cannot be opened/);
  });

  it('reads a file that is larger than its tensors need, and closes it', () => {
    const path = join(folder, 'closed.pth');
    writeFileSync(path, zipped(dict(['w', good])));
    const before = openSync(path, 'r');
    closeSync(before);
    for (let k = 0; k < 20; k++) readWeightsFile(path);
    const after = openSync(path, 'r');
    closeSync(after);
    expect(after).toBe(before);
    expect(readFileSync(path).length).toBeGreaterThan(0);
  });
});

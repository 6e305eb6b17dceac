import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listZip, ownCrc32, unpackZip } from '../../setup/zip.mjs';
import { makeZip } from './fake.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dssn-zip-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function archive(bytes: Buffer): string {
  const file = join(folder, 'a.whl');
  writeFileSync(file, bytes);
  return file;
}

const long = Buffer.from('segmentation '.repeat(200_000));

describe('zip', () => {
  test('unpacks stored and deflated entries that `place` keeps, under the names it gives', async () => {
    const file = archive(
      makeZip(
        [
          { name: 'torch/lib/long.so', data: long, method: 8 },
          { name: 'torch/lib/short.so', data: Buffer.from('abc'), method: 0 },
          { name: 'torch/empty.py', data: Buffer.alloc(0), method: 0 },
        ],
        'a comment at the end',
      ),
    );
    expect(listZip(file).map(({ name, size, method }) => [name, size, method])).toEqual([
      ['torch/lib/long.so', long.length, 8],
      ['torch/lib/short.so', 3, 0],
      ['torch/empty.py', 0, 0],
    ]);
    const out = join(folder, 'out');
    const done = await unpackZip(file, out, (name) => (name.endsWith('.so') ? name.slice('torch/'.length) : undefined));
    expect(done).toEqual({ files: 2, bytes: long.length + 3 });
    expect(readFileSync(join(out, 'lib/long.so')).equals(long)).toBe(true);
    expect(readFileSync(join(out, 'lib/short.so'), 'utf8')).toBe('abc');
  });

  test.each([0, 8] as const)('refuses an entry whose checksum is wrong (method %d)', async (method) => {
    const file = archive(makeZip([{ name: 'x', data: Buffer.from('abc'), method, crc: 7 }]));
    await expect(unpackZip(file, join(folder, 'out'), (name) => name)).rejects.toThrow(
      /"x" is damaged .*checksum 352441c2, should be 00000007/,
    );
  });

  test('refuses a truncated archive', () => {
    const whole = makeZip([{ name: 'x', data: long, method: 8 }]);
    expect(() => listZip(archive(whole.subarray(0, whole.length - 30)))).toThrow(/not a whole zip archive/);
    expect(() => listZip(archive(Buffer.from('<html>')))).toThrow(/not a whole zip archive/);
  });

  test('refuses an entry that would be written outside the folder', async () => {
    const file = archive(makeZip([{ name: '../x', data: Buffer.from('abc'), method: 0 }]));
    await expect(unpackZip(file, join(folder, 'out'), (name) => name)).rejects.toThrow(/outside/);
  });

  test("the own checksum equals zlib's, in pieces too", () => {
    expect(ownCrc32(Buffer.from('123456789'))).toBe(0xcbf43926);
    expect(ownCrc32(long.subarray(1000), ownCrc32(long.subarray(0, 1000)))).toBe(crc32(long));
  });
});

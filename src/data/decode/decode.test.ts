import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, encode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { DataError } from '../../base/errors.ts';
import { decodeImage } from './image.ts';
import { decodeLabelMap } from './label-map.ts';

const golden = process.env.DSSN_GOLDEN ?? resolve(dirname(fileURLToPath(import.meta.url)), '../../../test/golden');
const folder = mkdtempSync(join(tmpdir(), 'decode-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DataError);
  return (error as Error).message;
}

/** 6 x 4, a red left half, a blue right half. */
const halves = Uint8Array.from({ length: 6 * 4 * 3 }, (_, i) => {
  const left = Math.floor(i / 3) % 6 < 3;
  return i % 3 === (left ? 0 : 2) ? 255 : 0;
});
const pixel = ({ data, width }: { data: Uint8Array; width: number }, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];
const raw = (data: Uint8Array, channels: 1 | 3 | 4 = 3) => sharp(data, { raw: { width: 6, height: 4, channels } });

describe('decodeImage', () => {
  it('gives the pixels of a PNG exactly, those of the golden image among them', async () => {
    const image = await decodeImage(file('halves.png', await raw(halves).png().toBuffer()));
    expect(image).toEqual({ width: 6, height: 4, data: halves });
    const path = join(golden, 'augment/image.png');
    const { width, height, data } = decode(readFileSync(path));
    expect(await decodeImage(path)).toEqual({ width, height, data });
  });

  it('applies the orientation that a camera noted', async () => {
    const turned = await raw(halves).withMetadata({ orientation: 6 }).jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer();
    const image = await decodeImage(file('turned.jpg', turned));
    expect([image.width, image.height]).toEqual([4, 6]);
    expect(pixel(image, 1, 0)[0]).toBeGreaterThan(240);
    expect(pixel(image, 1, 5)[2]).toBeGreaterThan(240);
    const stored = await decodeImage(file('turned.jpg', turned), false);
    expect([stored.width, stored.height, pixel(stored, 0, 1)]).toEqual([
      6,
      4,
      pixel(await decodeImage(file('plain.jpg', await raw(halves).jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer())), 0, 1),
    ]);
  });

  it('refuses every truncation of a JPEG, and of a PNG before its last chunk, by name', async () => {
    const jpeg = await raw(halves).jpeg().toBuffer();
    for (let cut = 0; cut < jpeg.length; cut += 7)
      expect(await refusal(decodeImage(file('cut.jpg', jpeg.subarray(0, cut))))).toContain('cut.jpg');
    const png = await raw(halves).png().toBuffer();
    const lastChunk = png.length - 12;
    for (let cut = 0; cut < lastChunk; cut += 3)
      expect(await refusal(decodeImage(file('cut.png', png.subarray(0, cut))))).toContain('cut.png');
  });

  it('refuses files that are not there', async () => {
    expect(await refusal(decodeImage(join(folder, 'absent.jpg')))).toMatch(/absent\.jpg: cannot be read \(ENOENT/);
  });
});

describe('decodeLabelMap', () => {
  it('keeps palette indices, even where colours repeat', async () => {
    const palette = [
      [0, 0, 0],
      [0, 0, 0],
      [5, 5, 5],
    ];
    const path = file('p8.png', encode({ width: 3, height: 1, data: Uint8Array.of(2, 0, 1), channels: 1, depth: 8, palette }));
    expect(await decodeLabelMap(path)).toEqual({ width: 3, height: 1, data: Uint8Array.of(2, 0, 1) });
  });

  it('keeps grey levels, 255 among them', async () => {
    const path = file('g8.png', encode({ width: 3, height: 2, data: Uint8Array.of(0, 11, 255, 1, 2, 3), channels: 1, depth: 8 }));
    expect([...(await decodeLabelMap(path)).data]).toEqual([0, 11, 255, 1, 2, 3]);
  });

  it.each([1, 2, 4] as const)('unpacks %i bits a pixel without scaling them', async (depth) => {
    const width = 5;
    const height = 3;
    const labels = Array.from({ length: width * height }, (_, i) => (i * 3) % 2 ** depth);
    const rowBytes = Math.ceil((width * depth) / 8);
    const packed = new Uint8Array(rowBytes * height);
    for (const [i, label] of labels.entries()) {
      const x = i % width;
      packed[Math.floor(i / width) * rowBytes + Math.floor((x * depth) / 8)]! |= label << (8 - depth - ((x * depth) % 8));
    }
    const path = file(`bits${depth}.png`, encode({ width, height, data: packed, channels: 1, depth }));
    expect([...(await decodeLabelMap(path)).data]).toEqual(labels);
  });

  it('refuses colours, a flipped byte and every truncation, and says what is allowed', async () => {
    const rgb = file('rgb.png', encode({ width: 1, height: 1, data: Uint8Array.of(1, 2, 3), channels: 3, depth: 8 }));
    expect(await refusal(decodeLabelMap(rgb))).toMatch(/rgb\.png: stores RGB colours, not labels; allowed: a PNG file of palette indices/);
    const good = encode({ width: 16, height: 16, data: Uint8Array.from({ length: 256 }, (_, i) => i % 7), channels: 1, depth: 8 });
    const flipped = good.slice();
    flipped[50]! ^= 1;
    expect(await refusal(decodeLabelMap(file('flipped.png', flipped)))).toMatch(/damaged/);
    for (let cut = 0; cut < good.length; cut++) {
      expect(await refusal(decodeLabelMap(file('cut-mask.png', good.subarray(0, cut))))).toContain('cut-mask.png');
    }
  });
});

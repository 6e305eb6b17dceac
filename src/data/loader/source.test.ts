import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { DataError } from '../../base/errors.ts';
import { decodeSample, readLabels } from './source.ts';

const folder = mkdtempSync(join(tmpdir(), 'source-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('beside a mask takes the orientation that fits it, the turned one first', async () => {
  const raw = { width: 6, height: 4, channels: 3 as const };
  const jpeg = sharp(new Uint8Array(72), { raw }).withMetadata({ orientation: 6 }).jpeg();
  await jpeg.toFile(join(folder, 'turned.jpg'));
  const pairWith = (width: number, height: number) => {
    const mask = encode({ width, height, data: new Uint8Array(width * height), channels: 1, depth: 8 });
    writeFileSync(join(folder, 'mask.png'), mask);
    return decodeSample(folder, { id: 'a', image: 'turned.jpg', mask: 'mask.png' }, new Uint8Array(256));
  };
  for (const [width, height] of [
    [6, 4],
    [4, 6],
  ] as const) {
    const { image } = await pairWith(width, height);
    expect([image.width, image.height]).toEqual([width, height]);
  }
  await expect(pairWith(5, 4)).rejects.toThrow(
    /mask\.png has 5 x 4 pixels, its image \S+turned\.jpg has 4 x 6 \(6 x 4 as stored, turned by its EXIF orientation\); both must/,
  );
  await expect(pairWith(5, 4)).rejects.toBeInstanceOf(DataError);
  expect((await decodeSample(folder, { id: 'a', image: 'turned.jpg' })).image.width).toBe(4);
});

it('takes a square image beside a mask as it takes images without one: turned', async () => {
  const raw = { width: 2, height: 2, channels: 3 as const };
  const reds = Uint8Array.of(10, 0, 0, 20, 0, 0, 30, 0, 0, 40, 0, 0);
  await sharp(reds, { raw }).withMetadata({ orientation: 6 }).png().toFile(join(folder, 'square.png'));
  writeFileSync(join(folder, 'square-mask.png'), encode({ width: 2, height: 2, data: new Uint8Array(4), channels: 1, depth: 8 }));
  for (const mask of [{}, { mask: 'square-mask.png' }]) {
    const { image } = await decodeSample(folder, { id: 'a', image: 'square.png', ...mask }, new Uint8Array(256));
    expect([...image.data.filter((_, i) => i % 3 === 0)]).toEqual([30, 10, 40, 20]);
  }
});

it('is taken as it is stored in data sets that are read so, with a mask or without', async () => {
  const raw = { width: 2, height: 2, channels: 3 as const };
  const reds = Uint8Array.of(10, 0, 0, 20, 0, 0, 30, 0, 0, 40, 0, 0);
  await sharp(reds, { raw }).withMetadata({ orientation: 6 }).png().toFile(join(folder, 'stored.png'));
  writeFileSync(join(folder, 'stored-mask.png'), encode({ width: 2, height: 2, data: new Uint8Array(4), channels: 1, depth: 8 }));
  for (const mask of [{}, { mask: 'stored-mask.png' }]) {
    const { image } = await decodeSample(folder, { id: 'a', image: 'stored.png', asStored: true, ...mask }, new Uint8Array(256));
    expect([...image.data.filter((_, i) => i % 3 === 0)]).toEqual([10, 20, 30, 40]);
  }
});

describe('label maps whose colours are the labels', () => {
  const table = new Map([
    [0x000000, 0],
    [0xff0080, 1],
    [0x010101, 2],
    [0xffffff, 255],
  ]);
  const colours = [
    [0, 0, 0],
    [255, 0, 128],
    [1, 1, 1],
    [255, 255, 255],
  ];
  const labels = { width: 2, height: 2, data: Uint8Array.of(1, 0, 255, 2) };
  const stored = [1, 0, 3, 2];
  const write = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const png = (channels: 1 | 3 | 4, data: readonly number[], palette?: number[][]) =>
    encode({ width: 2, height: 2, data: Uint8Array.from(data), channels, depth: 8, ...(palette && { palette }) });
  const rgb = stored.flatMap((index) => colours[index]!);

  it.each([
    ['RGB', png(3, rgb)],
    [
      'RGB with alpha, which counts for nothing',
      png(
        4,
        stored.flatMap((index) => [...colours[index]!, index * 80]),
      ),
    ],
    ['a palette, in whatever order', png(1, [2, 3, 0, 1], [...colours].reverse())],
  ])('are read from %s', async (_, bytes) => {
    expect(await readLabels(write('colours.png', bytes), table)).toEqual(labels);
  });

  it('may be grey beside colours', async () => {
    expect([...(await readLabels(write('grey.png', png(1, [0, 255, 1, 0])), table)).data]).toEqual([0, 255, 2, 0]);
  });

  it('refuse another colour with file and place, and a JPEG', async () => {
    const bad = write('bad.png', png(3, [...rgb.slice(0, 6), 1, 2, 3, 0, 0, 0]));
    await expect(readLabels(bad, table)).rejects.toThrow(
      /bad\.png: colour \[1, 2, 3\] \(row 1, column 0\) is not allowed; allowed: \[0, 0, 0\] \[255, 0, 128\] .*data\.label_colours/,
    );
    const jpeg = await sharp(Uint8Array.from(rgb), { raw: { width: 2, height: 2, channels: 3 } })
      .jpeg()
      .toBuffer();
    await expect(readLabels(write('mask.jpg', jpeg), table)).rejects.toThrow(/mask\.jpg: is a JPEG file, whose compression changes labels/);
    const deep = encode({ width: 1, height: 1, data: Uint16Array.of(1, 2, 3), channels: 3, depth: 16 });
    await expect(readLabels(write('deep.png', deep), table)).rejects.toThrow(/deep\.png: has 16 bits a channel/);
    await expect(readLabels(bad, table)).rejects.toBeInstanceOf(DataError);
  });

  it('travel with a sample; a mask that a network made holds numbers all the same', async () => {
    await sharp(new Uint8Array(12), { raw: { width: 2, height: 2, channels: 3 } })
      .jpeg()
      .toFile(join(folder, 'two.jpg'));
    write('colours.png', png(3, rgb));
    const sample = { id: 'two', image: 'two.jpg', mask: 'colours.png' };
    expect((await decodeSample(folder, sample, table)).labels).toEqual(labels);
    write('pseudo.png', png(1, [0, 1, 255, 1]));
    const { labels: pseudo } = await decodeSample(folder, { ...sample, mask: 'pseudo.png', pseudo: true }, table);
    expect([...pseudo!.data]).toEqual([0, 1, 255, 1]);
  });
});

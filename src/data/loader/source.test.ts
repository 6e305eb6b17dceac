import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, expect, it } from 'vitest';
import { DataError } from '../../base/errors.ts';
import { decodeSample } from './source.ts';

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

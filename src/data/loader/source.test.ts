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

it('beside a mask takes the orientation that fits it, the stored one first', async () => {
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
  await expect(pairWith(5, 4)).rejects.toThrow(/5 x 4 pixels, its image .* has 6 x 4/);
  await expect(pairWith(5, 4)).rejects.toBeInstanceOf(DataError);
  expect((await decodeSample(folder, { id: 'a', image: 'turned.jpg' })).image.width).toBe(4);
});

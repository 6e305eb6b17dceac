/** Every kind of image file that people have: its pixels against values known by hand, or from Pillow 12.3. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { EvalLoader } from '../loader/eval-loader.ts';
import type { Rgb } from '../types.ts';
import { decodeImage, orientationOf } from './image.ts';
import { decodeLabelMap } from './label-map.ts';

const folder = mkdtempSync(join(tmpdir(), 'kinds-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

const pixel = ({ data, width }: Rgb, x: number, y: number): number[] => [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];

/** A PNG of one row. */
const row = (channels: 1 | 2 | 3 | 4, data: Uint8Array | Uint16Array): Uint8Array =>
  encode({ width: data.length / channels, height: 1, data, channels, depth: data instanceof Uint16Array ? 16 : 8 });

/** 16 x 16 in four quarters, by Pillow: Image.new('CMYK', (16, 16)) ... .save('cmyk.jpg', quality=95, subsampling=0). */
const cmykByPillow =
  '/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwACAQEBAQECAQEBAgICAgIEAwICAgIFBAQDBAYFBgYGBQYGBgcJCAYHCQcGBggLCAkKCgoKCgYICwwLCgwJCgoK/8AA' +
  'FAgAEAAQBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQci' +
  'cRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqi' +
  'o6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwD9/K/fyv38r9/K8vr+N+vB6+X6' +
  '/hTr+yCveK+oK/v8or+AOv5/6//Z';

describe('decodeImage', () => {
  it.each<[kind: string, bytes: Uint8Array, rgb: number[]]>([
    ['grey', row(1, Uint8Array.of(7, 200)), [7, 7, 7, 200, 200, 200]],
    ['grey with alpha, which is dropped and not blended', row(2, Uint8Array.of(10, 0, 200, 255)), [10, 10, 10, 200, 200, 200]],
    ['RGB with alpha', row(4, Uint8Array.of(9, 8, 7, 0, 1, 2, 3, 128)), [9, 8, 7, 1, 2, 3]],
    ['16-bit grey: the upper 8 bits', row(1, Uint16Array.of(0, 255, 256, 65535)), [0, 0, 0, 0, 0, 0, 1, 1, 1, 255, 255, 255]],
    ['16-bit grey with alpha', row(2, Uint16Array.of(300, 40000, 511, 5)), [1, 1, 1, 1, 1, 1]],
    ['16-bit RGB', row(3, Uint16Array.of(0, 255, 256, 300, 40000, 65535)), [0, 0, 1, 1, 156, 255]],
    ['16-bit RGB with alpha', row(4, Uint16Array.of(300, 40000, 511, 5)), [1, 156, 1]],
    [
      '1 bit a pixel',
      encode({ width: 4, height: 1, data: Uint8Array.of(0b0110_0000), channels: 1, depth: 1 }),
      [0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0],
    ],
    [
      '2 bits a pixel',
      encode({ width: 4, height: 1, data: Uint8Array.of(0b0001_1011), channels: 1, depth: 2 }),
      [0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255],
    ],
    [
      '4 bits a pixel',
      encode({ width: 4, height: 1, data: Uint8Array.of(0x01, 0x7f), channels: 1, depth: 4 }),
      [0, 0, 0, 17, 17, 17, 119, 119, 119, 255, 255, 255],
    ],
  ])('reads a PNG of %s', async (_, bytes, rgb) => {
    expect([...(await decodeImage(file('kind.png', bytes))).data]).toEqual(rgb);
  });

  it('reads a palette PNG with a transparent entry as its colours', async () => {
    const palette = [
      [1, 2, 3, 0],
      [250, 100, 0, 255],
    ];
    const bytes = encode({ width: 2, height: 1, data: Uint8Array.of(1, 0), channels: 1, depth: 8, palette });
    expect([...(await decodeImage(file('palette.png', bytes))).data]).toEqual([250, 100, 0, 1, 2, 3]);
  });

  it('reads a CMYK JPEG as Pillow does', async () => {
    const image = await decodeImage(file('cmyk.jpg', Buffer.from(cmykByPillow, 'base64')));
    expect([image.width, image.height, image.data.length]).toEqual([16, 16, 768]);
    const quarters = [pixel(image, 2, 2), pixel(image, 2, 12), pixel(image, 12, 2), pixel(image, 12, 12)];
    expect(quarters).toEqual([
      [255, 255, 255],
      [0, 255, 255],
      [198, 46, 190],
      [127, 127, 0],
    ]);
  });

  it('reads interlaced PNGs and progressive JPEGs as their plain twins', async () => {
    const data = Uint8Array.from({ length: 19 * 13 * 3 }, (_, i) => (i * 37) % 251);
    const picture = sharp(data, { raw: { width: 19, height: 13, channels: 3 } });
    const interlaced = await decodeImage(file('interlaced.png', await picture.clone().png({ progressive: true }).toBuffer()));
    expect(interlaced).toEqual({ width: 19, height: 13, data });
    const jpeg = async (progressive: boolean): Promise<Rgb> =>
      decodeImage(file('p.jpg', await picture.clone().jpeg({ progressive, quality: 90 }).toBuffer()));
    expect(await jpeg(true)).toEqual(await jpeg(false));
  });

  it('reads a grey JPEG as RGB of equal channels', async () => {
    const grey = sharp(new Uint8Array(64).fill(77), { raw: { width: 8, height: 8, channels: 1 } }).toColourspace('b-w');
    const bytes = await grey.jpeg().toBuffer();
    expect((await sharp(bytes).metadata()).channels).toBe(1);
    expect([...(await decodeImage(file('grey.jpg', bytes))).data]).toEqual(new Array(192).fill(77));
  });

  it('leaves a colour profile alone', async () => {
    const data = Uint8Array.of(200, 30, 90);
    const bytes = await sharp(data, { raw: { width: 1, height: 1, channels: 3 } })
      .withIccProfile('p3')
      .png()
      .toBuffer();
    const { icc } = await sharp(bytes).metadata();
    expect(icc).toBeDefined();
    const { data: stored } = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer({ resolveWithObject: true });
    expect([...(await decodeImage(file('p3.png', bytes))).data]).toEqual([...stored]);
  });

  it('names what another file is', async () => {
    const picture = sharp(new Uint8Array(12), { raw: { width: 2, height: 2, channels: 3 } });
    for (const [name, bytes, words] of [
      ['a.png', await picture.clone().tiff().toBuffer(), 'is a TIFF file'],
      ['b.jpg', await picture.clone().webp().toBuffer(), 'is a WebP file'],
      ['c.jpg', await picture.clone().gif().toBuffer(), 'is a GIF file'],
      ['d.jpg', new Uint8Array(), 'is empty'],
      ['e.jpg', Buffer.from('hello'), 'is neither a JPEG nor a PNG file'],
    ] as const)
      await expect(decodeImage(file(name, bytes))).rejects.toThrow(`${join(folder, name)}: ${words}; allowed: a JPEG or PNG file`);
  });
});

/** 4 x 2: each pixel's red says where it lies. */
const corners = Uint8Array.from({ length: 4 * 2 * 3 }, (_, i) => (i % 3 === 0 ? 20 * (i / 3) : 0));
const reds = ({ data }: Rgb): number[] => [...data.filter((_, i) => i % 3 === 0)].map((red) => Math.round(red / 20));

/** Where each pixel of the turned picture lies in the stored one, row by row (EXIF 2.32, tag 274). */
const turns: readonly [orientation: number, order: readonly number[]][] = [
  [1, [0, 1, 2, 3, 4, 5, 6, 7]],
  [2, [3, 2, 1, 0, 7, 6, 5, 4]],
  [3, [7, 6, 5, 4, 3, 2, 1, 0]],
  [4, [4, 5, 6, 7, 0, 1, 2, 3]],
  [5, [0, 4, 1, 5, 2, 6, 3, 7]],
  [6, [4, 0, 5, 1, 6, 2, 7, 3]],
  [7, [7, 3, 6, 2, 5, 1, 4, 0]],
  [8, [3, 7, 2, 6, 1, 5, 0, 4]],
];

describe('a turn noted by the camera', () => {
  it.each(turns)('%i is applied by decodeImage and, beside a mask of that size, by the loader', async (orientation, order) => {
    const picture = sharp(corners, { raw: { width: 4, height: 2, channels: 3 } }).withMetadata({ orientation });
    const path = file(`turned${orientation}.png`, await picture.png().toBuffer());
    expect(await orientationOf(path)).toBe(orientation);
    const [width, height] = orientation > 4 ? [2, 4] : [4, 2];
    const turned = await decodeImage(path);
    expect([turned.width, turned.height, reds(turned)]).toEqual([width, height, order]);
    expect(reds(await decodeImage(path, false))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);

    const mask = (name: string, w: number, h: number) =>
      file(name, encode({ width: w, height: h, data: Uint8Array.from({ length: 8 }, (_, i) => i), channels: 1, depth: 8 }));
    mask('as-turned.png', width!, height!);
    mask('as-stored.png', 4, 2);
    const samples = [
      { id: 'a', image: `turned${orientation}.png`, mask: 'as-turned.png' },
      { id: 'b', image: `turned${orientation}.png`, mask: 'as-stored.png' },
      { id: 'c', image: `turned${orientation}.png` },
    ];
    const labelMap = Uint8Array.from({ length: 256 }, (_, i) => i);
    const items = [];
    for await (const item of new EvalLoader({ root: folder, samples, longSide: null, labelMap })) items.push(item);
    expect(items.map(({ image }) => reds(image))).toEqual([order, orientation > 4 ? [0, 1, 2, 3, 4, 5, 6, 7] : order, order]);
    for (const { image, labels } of items) if (labels) expect([labels.width, labels.height]).toEqual([image.width, image.height]);
  });
});

describe('decodeLabelMap', () => {
  it('reads 16-bit grey whose numbers fit a byte', async () => {
    const path = file('deep.png', row(1, Uint16Array.of(0, 3, 255)));
    expect(await decodeLabelMap(path)).toEqual({ width: 3, height: 1, data: Uint8Array.of(0, 3, 255) });
  });

  it('refuses a larger number by value and place, and a JPEG by reason', async () => {
    const path = file('large.png', encode({ width: 2, height: 2, data: Uint16Array.of(0, 1, 256, 2), channels: 1, depth: 16 }));
    await expect(decodeLabelMap(path)).rejects.toThrow(`${path}: holds the number 256 (row 1, column 0); allowed: a PNG file of`);
    const jpeg = await sharp(new Uint8Array(12), { raw: { width: 2, height: 2, channels: 3 } })
      .jpeg()
      .toBuffer();
    await expect(decodeLabelMap(file('mask.jpg', jpeg))).rejects.toThrow(
      /mask\.jpg: is a JPEG file, whose compression changes labels; save label maps without loss; allowed: a PNG/,
    );
  });

  it('reads interlaced grey levels', async () => {
    const data = Uint8Array.from({ length: 19 * 13 }, (_, i) => i % 11);
    const grey = sharp(data, { raw: { width: 19, height: 13, channels: 1 } }).toColourspace('b-w');
    const bytes = await grey.png({ progressive: true }).toBuffer();
    expect([...(await decodeLabelMap(file('interlaced.png', bytes))).data]).toEqual([...data]);
  });
});

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { decode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeLabelMap } from '../data/decode/label-map.ts';
import type { LabelMap, Rgb } from '../data/types.ts';
import {
  colourise,
  comparisonSheet,
  contactSheet,
  IGNORED_COLOUR,
  indexPng,
  overlay,
  type Palette,
  rgbPng,
  writeIndexPng,
  writePng,
} from './pictures.ts';
import { drawText, GLYPH_HEIGHT, textWidth } from './pictures-font.ts';

const PALETTE: Palette = [
  [10, 20, 30],
  [200, 100, 50],
  [0, 255, 128],
];
const mapOf = (width: number, height: number, data: readonly number[]): LabelMap => ({ width, height, data: Uint8Array.from(data) });
const pixel = (image: Rgb, x: number, y: number): number[] => [
  ...image.data.subarray(3 * (y * image.width + x), 3 * (y * image.width + x) + 3),
];

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dssn-pictures-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('colourise and overlay', () => {
  it('gives each label its colour, and labels without one the ignored colour', () => {
    const shown = colourise(mapOf(2, 2, [0, 2, 255, 3]), PALETTE);
    expect(shown).toMatchObject({ width: 2, height: 2 });
    expect([...shown.data]).toEqual([10, 20, 30, 0, 255, 128, ...IGNORED_COLOUR, ...IGNORED_COLOUR]);
  });

  it('mixes image and colour, and leaves ignored pixels and its input alone', () => {
    const image: Rgb = { width: 2, height: 1, data: Uint8Array.of(100, 100, 100, 7, 8, 9) };
    const labels = mapOf(2, 1, [1, 255]);
    expect([...overlay(image, labels, PALETTE, 0.5).data]).toEqual([150, 100, 75, 7, 8, 9]);
    expect([...overlay(image, labels, PALETTE, 0).data]).toEqual([...image.data]);
    expect([...overlay(image, labels, PALETTE, 1).data]).toEqual([200, 100, 50, 7, 8, 9]);
    expect([...image.data]).toEqual([100, 100, 100, 7, 8, 9]);
  });

  it('refuses an image and labels of different sizes', () => {
    expect(() => overlay({ width: 1, height: 2, data: new Uint8Array(6) }, mapOf(2, 1, [0, 0]), PALETTE)).toThrow('1 x 2 and 2 x 1');
  });
});

describe('PNG files', () => {
  it('keep every label, 255 too, through writing and the label reader', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.infiniteStream(fc.nat(255)),
        async (width, height, stream) => {
          const labels = mapOf(width, height, [...stream.take(width * height)]);
          const file = join(folder, 'labels.png');
          writeIndexPng(file, labels, PALETTE);
          expect(await decodeLabelMap(file)).toEqual(labels);
        },
      ),
      { numRuns: 25, seed: 3 },
    );
    expect(readdirSync(folder)).toEqual(['labels.png']);
  });

  it('show the palette in an ordinary viewer', async () => {
    const { data } = await sharp(indexPng(mapOf(3, 1, [2, 1, 255]), PALETTE))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([...data]).toEqual([0, 255, 128, 200, 100, 50, ...IGNORED_COLOUR]);
    expect(decode(indexPng(mapOf(1, 1, [0]), PALETTE)).palette).toHaveLength(256);
  });

  it('take pixels that lie in shared memory', () => {
    const shared: Rgb = { width: 2, height: 1, data: new Uint8Array(new SharedArrayBuffer(6)).fill(77) };
    expect([...decode(rgbPng(shared)).data]).toEqual([77, 77, 77, 77, 77, 77]);
    writePng(join(folder, 'photo.png'), shared);
    expect(decode(readFileSync(join(folder, 'photo.png')))).toMatchObject({ width: 2, height: 1, channels: 3, depth: 8 });
  });
});

describe('the bitmap font', () => {
  const art = (text: string): string[] => {
    const rows = Array.from({ length: GLYPH_HEIGHT }, () => new Array<string>(textWidth(text)).fill('.'));
    drawText(text, (column, row) => {
      rows[row]![column] = '#';
    });
    return rows.map((row) => row.join(''));
  };

  it('draws letters', () => {
    expect(art('T1')).toEqual([
      '#####...#..', //
      '#.#.#..##..',
      '..#.....#..',
      '..#.....#..',
      '..#.....#..',
      '..#.....#..',
      '..#....###.',
      '...........',
    ]);
  });

  it('has a shape for every printable ASCII letter, all different, and shows others as ?', () => {
    const letters = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
    expect(new Set(letters.map((letter) => art(letter).join('\n'))).size).toBe(95);
    expect(art('é')).toEqual(art('?'));
    expect(textWidth('')).toBe(0);
  });
});

describe('comparisonSheet', () => {
  const image: Rgb = { width: 40, height: 30, data: new Uint8Array(3600).fill(99) };
  const labels = (label: number): LabelMap => mapOf(40, 30, new Array<number>(1200).fill(label));
  const options = { columns: ['image', 'truth', 'DSSN'], legend: { classes: ['a', 'b', 'c'], palette: PALETTE } };

  it('sets image and label maps side by side below their headings, with the legend last', () => {
    const sheet = comparisonSheet([{ image, labels: [labels(1), labels(2)] }], options);
    const cell = textWidth('image') * 2;
    const row = 12 + 22;
    expect(sheet.width).toBe(24 + 3 * cell + 12);
    expect(pixel(sheet, 12, row)).toEqual([99, 99, 99]);
    expect(pixel(sheet, 12 + cell + 6 + 39, row + 29)).toEqual([...PALETTE[1]!]);
    expect(pixel(sheet, 12 + 2 * (cell + 6), row)).toEqual([...PALETTE[2]!]);
    const below = sheet.data.subarray(3 * sheet.width * (row + 30 + 6));
    for (const colour of PALETTE) {
      let found = 0;
      for (let i = 0; i < below.length; i += 3) if (colour.every((value, c) => below[i + c] === value)) found++;
      expect(found).toBe(16 * 16);
    }
  });

  it('makes room for captions', () => {
    const plain = comparisonSheet([{ image, labels: [labels(1), labels(2)] }], options);
    const captioned = comparisonSheet([{ image, labels: [labels(1), labels(2)], caption: 'boats' }], options);
    expect(captioned.height - plain.height).toBe(22);
  });

  it('refuses rows that do not fit the headings', () => {
    expect(() => comparisonSheet([{ image, labels: [labels(1)] }], options)).toThrow('1 label maps for 3 headings');
  });
});

describe('contactSheet', () => {
  const grey = (width: number, height: number): Rgb => ({ width, height, data: new Uint8Array(3 * width * height).fill(100) });
  const all = (width: number, height: number, label: number): LabelMap =>
    mapOf(width, height, new Array<number>(width * height).fill(label));
  const options = { title: 'three', columns: 2, cellWidth: 80, legend: { classes: ['a', 'b', 'c'], palette: PALETTE } };
  const cells = [
    { image: grey(80, 60), labels: all(80, 60, 1), name: 'one.jpg', shows: 1 },
    { image: grey(40, 30), labels: all(40, 30, 255), name: 'two.jpg' },
    { image: grey(80, 20), labels: all(80, 20, 0), name: 'a/name/that/is/longer/than/its/cell.jpg' },
  ];
  const sheet = contactSheet(cells, options);
  const firstRow = 12 + 22 + 6;
  const mixed = (label: number): number[] => PALETTE[label]!.map((value) => Math.round(100 * (1 - 0.55) + value * 0.55));

  it('lays colours over photographs in a grid and leaves ignored pixels bare', () => {
    expect(sheet.width).toBe(12 + 80 + 14 + 80 + 12);
    expect(pixel(sheet, 12, firstRow)).toEqual(mixed(1));
    expect(pixel(sheet, 12 + 79, firstRow + 59)).toEqual(mixed(1));
    expect(pixel(sheet, 12 + 80 + 14, firstRow)).toEqual([100, 100, 100]);
    // Below: the name, the class that is shown, a gap.
    const secondRow = firstRow + 60 + 6 + 2 * 22 + 14;
    expect(pixel(sheet, 12, secondRow)).toEqual(mixed(0));
    expect(pixel(sheet, 12, firstRow + 60 + 6 + 22)).toEqual([...PALETTE[1]!]);
  });

  it('keeps long names within their cell, and ends with the legend', () => {
    const secondRow = firstRow + 60 + 6 + 2 * 22 + 14;
    const isPaper = (x: number, y: number): boolean => pixel(sheet, x, y).join() === '250,250,248';
    const below = Array.from({ length: 16 }, (_, y) => secondRow + 20 + 6 + y);
    expect(below.every((y) => Array.from({ length: 80 }, (_, x) => 12 + 80 + x).every((x) => isPaper(x, y)))).toBe(true);
    expect(below.some((y) => Array.from({ length: 80 }, (_, x) => 12 + x).some((x) => !isPaper(x, y)))).toBe(true);
    const legend = secondRow + 20 + 6 + 22 + 14;
    expect(pixel(sheet, 12, legend)).toEqual([...PALETTE[0]!]);
    expect(sheet.height).toBeGreaterThan(legend + 16);
  });

  it('writes the legend of many classes in rows of its width', () => {
    const classes = Array.from({ length: 200 }, (_, label) => `class ${label}`);
    const palette = classes.map((_, label) => [label, 255 - label, 7] as const);
    const many = contactSheet(cells, { ...options, legend: { classes, palette } });
    expect(many.width).toBe(sheet.width);
    const last = many.data.findLastIndex(
      (_, i) => i % 3 === 0 && many.data[i] === 199 && many.data[i + 1] === 56 && many.data[i + 2] === 7,
    );
    expect(Math.floor(last / 3 / many.width)).toBeGreaterThan(many.height - 12 - 22);
  });
});

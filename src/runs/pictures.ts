/** Pictures of a run: label maps in their palette, overlays, index PNGs, and sheets that set methods side by side. */
import { renameSync, writeFileSync } from 'node:fs';
import { encode } from 'fast-png';
import { invariant } from '../base/assert.ts';
import type { LabelMap, Rgb } from '../data/types.ts';
import { ADVANCE, drawText, GLYPH_HEIGHT, textWidth } from './pictures-font.ts';

export type Palette = readonly (readonly [red: number, green: number, blue: number])[];

/** How labels without a colour are shown: those to ignore, and any beyond the palette. */
export const IGNORED_COLOUR: Palette[number] = [18, 18, 22];

const colourOf = (palette: Palette, label: number): Palette[number] => palette[label] ?? IGNORED_COLOUR;

/** A label map in the colours of its classes. */
export function colourise(labels: LabelMap, palette: Palette): Rgb {
  const { width, height } = labels;
  const data = new Uint8Array(3 * width * height);
  for (let pixel = 0; pixel < width * height; pixel++) data.set(colourOf(palette, labels.data[pixel]!), 3 * pixel);
  return { width, height, data };
}

/** The image with its labels' colours laid over it; 0 shows the image alone, 1 the labels alone. Ignored pixels stay as they are. */
export function overlay(image: Rgb, labels: LabelMap, palette: Palette, opacity = 0.55): Rgb {
  checkSameSize(image, labels);
  const data = Uint8Array.from(image.data);
  for (let pixel = 0; pixel < labels.data.length; pixel++) {
    const colour = palette[labels.data[pixel]!];
    if (!colour) continue;
    for (let c = 0; c < 3; c++) data[3 * pixel + c] = Math.round(data[3 * pixel + c]! * (1 - opacity) + colour[c]! * opacity);
  }
  return { width: image.width, height: image.height, data };
}

function checkSameSize(a: { width: number; height: number }, b: { width: number; height: number }): void {
  invariant(a.width === b.width && a.height === b.height, `pictures of ${a.width} x ${a.height} and ${b.width} x ${b.height} pixels`);
}

/** The bytes of an 8-bit palette PNG whose indices are the labels; 255 and other labels beyond the classes keep their number. */
export function indexPng(labels: LabelMap, palette: Palette): Uint8Array {
  const entries = Array.from({ length: 256 }, (_, label) => [...colourOf(palette, label)]);
  const { width, height } = labels;
  return encode({ width, height, data: plainBytes(labels.data), channels: 1, depth: 8, palette: entries });
}

/** The bytes of an RGB PNG. */
export function rgbPng(image: Rgb): Uint8Array {
  const { width, height } = image;
  return encode({ width, height, data: plainBytes(image.data), channels: 3, depth: 8 });
}

/** A copy where the bytes lie in shared memory, which encoders do not take. */
function plainBytes(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return data.buffer instanceof ArrayBuffer ? new Uint8Array(data.buffer, data.byteOffset, data.length) : Uint8Array.from(data);
}

/** Writes the file whole or not at all, so that a reader never sees half a picture. */
function writeWhole(file: string, bytes: Uint8Array | string): void {
  const partial = `${file}.${process.pid}.partial`;
  writeFileSync(partial, bytes);
  renameSync(partial, file);
}

/** Writes a label map as a palette PNG of class numbers. */
export function writeIndexPng(file: string, labels: LabelMap, palette: Palette): void {
  writeWhole(file, indexPng(labels, palette));
}

/** Writes an RGB PNG. */
export function writePng(file: string, image: Rgb): void {
  writeWhole(file, rgbPng(image));
}

/** One row of a sheet: a photograph and the label maps beside it, all of one size. */
export interface SheetRow {
  readonly image: Rgb;
  readonly labels: readonly LabelMap[];
  /** Written above the row. */
  readonly caption?: string;
}

export interface SheetOptions {
  /** A heading for the photograph and for each label map. */
  readonly columns: readonly string[];
  readonly legend: Legend;
}

/** Texts beside the colours of the classes. */
export interface Legend {
  readonly classes: readonly string[];
  readonly palette: Palette;
}

const PAPER: Palette[number] = [250, 250, 248];
const INK: Palette[number] = [32, 34, 38];
const MARGIN = 12;
const GAP = 6;
/** Between the pictures of a contact sheet. */
const CELL_GAP = 14;
/** Pixels a font pixel: captions are drawn at twice the font's size, the legend too. */
const ZOOM = 2;
const LINE = GLYPH_HEIGHT * ZOOM + 6;
const SWATCH = 16;

/** A sheet under construction: an RGB picture to write texts, boxes and pictures on. */
class Sheet {
  readonly picture: { width: number; height: number; data: Uint8Array };

  constructor(width: number, height: number) {
    this.picture = { width, height, data: new Uint8Array(3 * width * height) };
    this.fill(0, 0, width, height, PAPER);
  }

  fill(left: number, top: number, width: number, height: number, colour: Palette[number]): void {
    const sheet = this.picture;
    const first = Math.max(0, left);
    const row = new Uint8Array(3 * Math.max(0, Math.min(sheet.width, left + width) - first));
    for (let x = 0; x < row.length; x += 3) row.set(colour, x);
    for (let y = Math.max(0, top); y < Math.min(sheet.height, top + height); y++) sheet.data.set(row, 3 * (y * sheet.width + first));
  }

  place(image: Rgb, left: number, top: number): void {
    for (let y = 0; y < image.height; y++) {
      const row = image.data.subarray(3 * y * image.width, 3 * (y + 1) * image.width);
      this.picture.data.set(row, 3 * ((top + y) * this.picture.width + left));
    }
  }

  text(text: string, left: number, top: number): void {
    drawText(text, (column, row) => this.fill(left + column * ZOOM, top + row * ZOOM, ZOOM, ZOOM, INK));
  }

  /** A label's colour in a frame, and a text beside it. */
  swatch(label: number, palette: Palette, text: string, left: number, top: number): void {
    this.fill(left - 1, top - 1, SWATCH + 2, SWATCH + 2, INK);
    this.fill(left, top, SWATCH, SWATCH, colourOf(palette, label));
    this.text(text, left + SWATCH + 6, top);
  }

  legend(rows: readonly (readonly number[])[], { classes, palette }: Legend, top: number): void {
    for (const [row, labels] of rows.entries()) {
      let left = MARGIN;
      for (const label of labels) {
        this.swatch(label, palette, classes[label]!, left, top + row * LINE);
        left += legendWidth(classes[label]!);
      }
    }
  }
}

/** Rows of the legend: class numbers that fit beside one another. */
function legendRows(classes: readonly string[], width: number): number[][] {
  const rows: number[][] = [[]];
  let used = 0;
  for (const [label, name] of classes.entries()) {
    const need = legendWidth(name);
    if (used + need > width && used > 0) {
      rows.push([]);
      used = 0;
    }
    rows.at(-1)!.push(label);
    used += need;
  }
  return rows;
}

const legendWidth = (name: string): number => SWATCH + 6 + textWidth(name) * ZOOM + 18;

/**
 * Photographs with their label maps side by side: a heading a column, a caption a row, the classes' colours below.
 * Every row has one picture a heading, all of one size.
 */
export function comparisonSheet(rows: readonly SheetRow[], options: SheetOptions): Rgb {
  const { columns, legend } = options;
  for (const row of rows) {
    invariant(row.labels.length === columns.length - 1, `${row.labels.length} label maps for ${columns.length} headings`);
    for (const labels of row.labels) checkSameSize(row.image, labels);
  }
  const cell = Math.max(...rows.map(({ image }) => image.width), ...columns.map((text) => textWidth(text) * ZOOM));
  const width = 2 * MARGIN + columns.length * cell + (columns.length - 1) * GAP;
  const captionHeight = (row: SheetRow): number => (row.caption === undefined ? 0 : LINE);
  const legends = legendRows(legend.classes, width - 2 * MARGIN);
  const body = rows.reduce((sum, row) => sum + captionHeight(row) + row.image.height + GAP, 0);
  const sheet = new Sheet(width, 2 * MARGIN + LINE + body + GAP + legends.length * LINE);
  const leftOf = (column: number): number => MARGIN + column * (cell + GAP);

  for (const [column, text] of columns.entries()) sheet.text(text, leftOf(column), MARGIN);
  let top = MARGIN + LINE;
  for (const row of rows) {
    if (row.caption !== undefined) sheet.text(row.caption, MARGIN, top + 4);
    top += captionHeight(row);
    sheet.place(row.image, leftOf(0), top);
    for (const [i, labels] of row.labels.entries()) sheet.place(colourise(labels, legend.palette), leftOf(i + 1), top);
    top += row.image.height + GAP;
  }
  sheet.legend(legends, legend, top + GAP);
  return sheet.picture;
}

/** A picture of a contact sheet: a photograph with its labels, and what is written below it. */
export interface ContactCell {
  readonly image: Rgb;
  readonly labels: LabelMap;
  /** Its file; of a name too long for the cell the end is shown. */
  readonly name: string;
  /** The class that it is there to show. */
  readonly shows?: number;
}

export interface ContactOptions {
  readonly title: string;
  /** Pictures side by side, and the most that one is wide, pixels. */
  readonly columns: number;
  readonly cellWidth: number;
  readonly legend: Legend;
  /** What is written beside each colour, where that is not the name of the class alone. */
  readonly legendTexts?: readonly string[];
}

/** A text cut to so many pixels, with dots for what is left out. */
function shorten(text: string, width: number, keep: 'begin' | 'end'): string {
  const most = Math.max(4, Math.floor((width / ZOOM + 1) / ADVANCE));
  if (text.length <= most) return text;
  return keep === 'end' ? `...${text.slice(3 - most)}` : `${text.slice(0, most - 3)}...`;
}

/** Photographs in a grid, the colours of their labels laid over them, names below, the legend last. */
export function contactSheet(cells: readonly ContactCell[], { title, columns, cellWidth, legend, legendTexts }: ContactOptions): Rgb {
  for (const { image, labels } of cells) checkSameSize(image, labels);
  const rows = Array.from({ length: Math.ceil(cells.length / columns) }, (_, row) => cells.slice(row * columns, (row + 1) * columns));
  const width = 2 * MARGIN + columns * cellWidth + (columns - 1) * CELL_GAP;
  // Picture, name, and where one of the row shows a class, that.
  const linesOf = (row: readonly ContactCell[]): number => (row.some(({ shows }) => shows !== undefined) ? 2 : 1);
  const heights = rows.map((row) => Math.max(...row.map(({ image }) => image.height)) + GAP + linesOf(row) * LINE + CELL_GAP);
  const texts = { ...legend, classes: legendTexts ?? legend.classes };
  const legends = legendRows(texts.classes, width - 2 * MARGIN);
  const body = heights.reduce((sum, height) => sum + height, 0);
  const sheet = new Sheet(width, 2 * MARGIN + LINE + GAP + body + legends.length * LINE);
  sheet.text(shorten(title, width - 2 * MARGIN, 'begin'), MARGIN, MARGIN);
  let top = MARGIN + LINE + GAP;
  for (const [i, row] of rows.entries()) {
    for (const [column, { image, labels, name, shows }] of row.entries()) {
      const left = MARGIN + column * (cellWidth + CELL_GAP);
      sheet.place(overlay(image, labels, legend.palette), left, top);
      const below = top + image.height + GAP;
      sheet.text(shorten(name, cellWidth, 'end'), left, below);
      if (shows !== undefined)
        sheet.swatch(shows, legend.palette, shorten(legend.classes[shows]!, cellWidth - SWATCH - 6, 'begin'), left, below + LINE);
    }
    top += heights[i]!;
  }
  sheet.legend(legends, texts, top);
  return sheet.picture;
}

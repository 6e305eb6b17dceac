/** The classes of label maps: which stored label is which class, its name and its colour, and which labels are ignored. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { ConfigError, DataError } from '../base/errors.ts';
import { type Colour, colourKey, IGNORE_LABEL, MAX_CLASSES } from '../data/catalog/index.ts';
import { shownColour } from '../data/loader/source.ts';
import type { LabelMaps } from './init-labels.ts';
import { listed } from './init-scan.ts';

const MASK_LABEL = 255;
const BLACK = 0x000000;
/** Names that say that a pixel has no label. */
const NO_LABEL = /^(?:void|ignored?|unlabell?ed|unknown)$/i;
/** Colours of fewer pixels than this share are worth a word: they may be soft edges. */
const RARE = 1e-4;
/** Share of the pixels from which a label that is ignored by custom is worth a word. */
const MUCH = 0.1;

export interface ClassInfo {
  readonly name: string;
  /** The stored number, or the colour's key. */
  readonly label: number;
  readonly pixels: number;
  readonly images: number;
}

export interface Classes {
  readonly stored: LabelMaps['stored'];
  readonly classes: readonly ClassInfo[];
  /** Stored labels that count for nothing. */
  readonly ignored: readonly number[];
  /** Stored label -> train label, where the two differ; null where it would be taken for a class that it is not. */
  readonly labelMap: Readonly<Record<number, number | null>>;
  /** The palette of the label maps, where it has a colour for each class. */
  readonly palette?: readonly Colour[];
  /** What was decided and why. */
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/** A line of a file that names classes. */
interface NamedLabel {
  readonly name: string;
  readonly label?: number;
  readonly colour?: number;
}

const COLOUR_AND_NAME = /^(\d+)[\s,:;]+(\d+)[\s,:;]+(\d+)[\s,:;]+(\D.*)$/;
const NAME_AND_COLOUR = /^(.*?[^\s,:;])[\s,:;]+(\d+)[\s,:]+(\d+)[\s,:]+(\d+)[\s,:;]*$/;
const NUMBER_AND_NAME = /^(\d+)[\s,:;]+(\D.*)$/;

function parseNameLine(line: string): NamedLabel {
  const colour = (red: string, green: string, blue: string): number => colourKey([Number(red), Number(green), Number(blue)]);
  const before = COLOUR_AND_NAME.exec(line);
  if (before) return { name: before[4]!.trim(), colour: colour(before[1]!, before[2]!, before[3]!) };
  const after = NAME_AND_COLOUR.exec(line);
  if (after) return { name: after[1]!.trim(), colour: colour(after[2]!, after[3]!, after[4]!) };
  const numbered = NUMBER_AND_NAME.exec(line);
  return numbered ? { name: numbered[2]!.trim(), label: Number(numbered[1]) } : { name: line };
}

/** Reads names of classes: a line each, alone, after a number, or beside a colour (`name,r,g,b`, `r g b name`, `name:r,g,b::`). */
export function parseNames(text: string): NamedLabel[] {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#') && !/^names?\s*,\s*r/i.test(line));
  return lines.map(parseNameLine);
}

/** A label as configurations and people write it. */
export const shownLabel = (label: number, stored: LabelMaps['stored']): string =>
  stored === 'numbers' ? String(label) : shownColour(label);

/** The labels of `--ignore`: numbers, or colours as `#rrggbb` or `r,g,b`. @throws ConfigError */
export function parseIgnored(given: readonly string[], { stored }: Pick<LabelMaps, 'stored'>): number[] {
  return given.map((text) => {
    if (stored === 'numbers') {
      if (/^\d+$/.test(text) && Number(text) <= IGNORE_LABEL) return Number(text);
      throw new ConfigError(`--ignore ${text}: these label maps hold numbers; allowed: 0 to ${IGNORE_LABEL}`);
    }
    if (/^#[0-9a-f]{6}$/i.test(text)) return Number.parseInt(text.slice(1), 16);
    const parts = text.split(',').map(Number);
    if (parts.length === 3 && parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255))
      return colourKey([parts[0]!, parts[1]!, parts[2]!]);
    throw new ConfigError(`--ignore ${text}: these label maps hold colours; allowed: #rrggbb or r,g,b such as 255,0,128`);
  });
}

/** The names of stored labels as a file gives them, or why it gives none. */
function namesIn(file: string, labels: readonly number[], maps: LabelMaps): Map<number, string> | string {
  const lines = parseNames(readFileSync(file, 'utf8'));
  const [numbers, n] = [maps.stored === 'numbers', labels.length];
  if (lines.length === 0) return 'it is empty';
  if (lines.every(({ colour }) => colour !== undefined)) {
    // A palette says which number a colour is; of several with one colour, as black at the end, the first.
    const labelOf = numbers
      ? new Map((maps.palette ?? []).map((colour, label) => [colourKey(colour), label] as const).reverse())
      : undefined;
    if (numbers && maps.palette === undefined) return takeInOrder(lines, labels, numbers);
    const found = lines.flatMap(({ name, colour }) => {
      const label = labelOf ? labelOf.get(colour!) : colour!;
      return label === undefined ? [] : [[label, name] as const];
    });
    return new Map(found.reverse());
  }
  if (!numbers) return n === lines.length ? 'it does not say which colour is which' : `${lines.length} names for ${n} colours`;
  if (lines.every(({ label }) => label !== undefined)) return new Map(lines.map(({ label, name }) => [label!, name]));
  return takeInOrder(lines, labels, numbers);
}

/** Line k names label k; or, where there are as many lines as labels, the labels in order. */
function takeInOrder(lines: readonly NamedLabel[], labels: readonly number[], numbers: boolean): Map<number, string> | string {
  const last = labels.at(-1)!;
  if (numbers && last < lines.length) return new Map(lines.map(({ name }, label) => [label, name]));
  if (labels.length === lines.length) return new Map(lines.map(({ name }, k) => [labels[k]!, name]));
  return `${lines.length} names for ${labels.length} labels, the largest ${last}`;
}

/** Names that occur once each: the second `road` is `road 2`. */
function unique(names: readonly string[]): string[] {
  const seen = new Set<string>();
  for (const name of names) {
    let own = name;
    for (let times = 2; seen.has(own); times++) own = `${name} ${times}`;
    seen.add(own);
  }
  return [...seen];
}

/** Whether the only labels are those of a mask: 0 and 255, or black and another colour. */
function isMask(labels: readonly number[], { stored }: LabelMaps): boolean {
  if (labels.length !== 2) return false;
  return stored === 'numbers' ? labels[0] === 0 && (labels[1] === MASK_LABEL || labels[1] === 1) : labels.includes(BLACK);
}

/** In the order of the classes: numbers as they are, colours by how common they are; of a mask the background first. */
function inOrder(maps: LabelMaps, ignored: ReadonlySet<number>): number[] {
  const labels = [...maps.counts.keys()].filter((label) => !ignored.has(label)).sort((a, b) => a - b);
  if (maps.stored === 'numbers' || isMask(labels, maps)) return labels;
  return labels.sort((a, b) => maps.counts.get(b)!.pixels - maps.counts.get(a)!.pixels || a - b);
}

/** Colours that may be no classes, and black, which often means no label. */
function doubtsOf(labels: readonly number[], maps: LabelMaps): string[] {
  if (maps.stored === 'numbers') return [];
  const all = [...maps.counts.values()].reduce((sum, { pixels }) => sum + pixels, 0);
  const rare = labels.filter((label) => maps.counts.get(label)!.pixels < RARE * all);
  const names = rare.map((label) => `${shownColour(label)} (${maps.counts.get(label)!.pixels} pixels)`);
  return [
    ...(rare.length > 0 ? [`colours of few pixels, classes of their own or soft edges: ${listed(names)}; --ignore leaves one out`] : []),
    ...(labels.length > 2 && labels.includes(BLACK)
      ? ["black is a class here; where it means pixels without a label, add --ignore '#000000'"]
      : []),
  ];
}

/**
 * Decides on the classes. Of numbers, 255 is ignored as is the field's custom, unless 0 and 255 are all there is.
 * @throws DataError where there are fewer than two classes or more than 254; ConfigError for `--ignore` of what is no label.
 */
export function decideClasses(maps: LabelMaps, options: { readonly ignore: readonly string[]; readonly nameFile?: string }): Classes {
  const { counts, stored } = maps;
  const notes: string[] = [];
  const warnings: string[] = [];
  const told = parseIgnored(options.ignore, maps);
  for (const label of told.filter((one) => !counts.has(one))) warnings.push(`--ignore ${shownLabel(label, stored)}: no label map holds it`);
  const ignored = new Set(told);
  const onlyMask = inOrder(maps, ignored);
  const twoLevels = stored === 'numbers' && isMask(onlyMask, maps) && onlyMask[1] === MASK_LABEL;
  if (stored === 'numbers' && counts.has(MASK_LABEL) && !twoLevels && !ignored.has(MASK_LABEL)) {
    ignored.add(MASK_LABEL);
    notes.push(`label ${MASK_LABEL} is ignored, as is the custom: such pixels have no label`);
  }
  let labels = inOrder(maps, ignored);
  if (stored === 'numbers' && ignored.has(MASK_LABEL) && !told.includes(MASK_LABEL)) warnings.push(...checkMaskLabel(maps));
  const found = options.nameFile === undefined ? undefined : namesIn(options.nameFile, labels, maps);
  if (typeof found === 'string') warnings.push(`${basename(options.nameFile!)} does not name the classes: ${found}`);
  const names = found instanceof Map ? found : new Map<number, string>();
  const nameless = labels.filter((label) => NO_LABEL.test(names.get(label) ?? ''));
  for (const label of nameless) {
    ignored.add(label);
    notes.push(`${stored === 'numbers' ? 'label' : 'colour'} ${shownLabel(label, stored)} is ignored: its name is ${names.get(label)}`);
  }
  labels = labels.filter((label) => !ignored.has(label));
  if (names.size > 0) notes.push(`${basename(options.nameFile!)} names the classes`);
  if (names.size > labels.length + nameless.length && stored === 'numbers' && !counts.has(0))
    warnings.push(
      `${basename(options.nameFile!)} has more names than there are labels, and no label is 0: its first line names label 0; look whether it should be 1`,
    );
  checkCount(labels, [...ignored], stored);
  const mask = isMask(labels, maps);
  if (mask)
    notes.push(`two labels, ${labels.map((label) => shownLabel(label, stored)).join(' and ')}: a mask of background and foreground`);
  warnings.push(...doubtsOf(labels, maps));
  const defaults = (label: number, k: number): string =>
    mask ? ['background', 'foreground'][k]! : `class_${stored === 'numbers' ? label : k}`;
  const classNames = unique(labels.map((label, k) => names.get(label) ?? defaults(label, k)));
  return {
    stored,
    classes: labels.map((label, k) => ({ label, name: classNames[k]!, ...counts.get(label)! })),
    ignored: [...ignored].sort((a, b) => a - b),
    labelMap: stored === 'numbers' ? labelMapOf(labels, ignored, mask) : {},
    ...paletteOf(labels, maps),
    notes,
    warnings,
  };
}

/**
 * Looks whether 255, which is ignored by custom, may be a foreground.
 * @throws DataError where some label maps are of 0 and 1 and others of 0 and 255: masks of two kinds.
 */
function checkMaskLabel({ counts, present }: LabelMaps): string[] {
  const holds = (label: number): number => present.filter((labels) => labels.includes(label)).length;
  const binary = [...counts.keys()].every((label) => label === 0 || label === 1 || label === MASK_LABEL);
  const both = present.filter((labels) => labels.includes(1) && labels.includes(MASK_LABEL)).length;
  if (binary && both === 0 && holds(1) > 0 && holds(MASK_LABEL) > 0)
    throw new DataError(
      `${holds(1)} label maps hold 0 and 1, ${holds(MASK_LABEL)} hold 0 and ${MASK_LABEL}, and none all three: masks of two kinds; write them all in one, or say --ignore ${MASK_LABEL} where it means no label`,
    );
  const all = [...counts.values()].reduce((sum, { pixels }) => sum + pixels, 0);
  const share = counts.get(MASK_LABEL)!.pixels / all;
  return share > MUCH
    ? [
        `label ${MASK_LABEL}, which is ignored, has ${Math.round(100 * share)} % of the pixels; if it is a class, write it as another number`,
      ]
    : [];
}

function checkCount(labels: readonly number[], ignored: readonly number[], stored: LabelMaps['stored']): void {
  if (labels.length >= 2 && labels.length <= MAX_CLASSES) return;
  const what =
    labels.length > MAX_CLASSES
      ? `${labels.length} labels`
      : `only ${labels.map((label) => shownLabel(label, stored)).join('') || 'nothing'}`;
  const beside = ignored.length > 0 ? ` beside ${ignored.map((label) => shownLabel(label, stored)).join(', ')}, which is ignored` : '';
  throw new DataError(`the label maps hold ${what}${beside}; allowed: 2 to ${MAX_CLASSES} classes`);
}

/**
 * Where the labels are not 0, 1, 2, ... already, and what is ignored but for 255, which means that by itself. A number that occurs
 * nowhere must not become a class that others were moved to, should it turn up later; of a mask, 1 is the foreground as 255 is.
 */
function labelMapOf(labels: readonly number[], ignored: ReadonlySet<number>, mask: boolean): Record<number, number | null> {
  const moved = labels.flatMap((label, k) => (label === k ? [] : [[label, k] as const]));
  const left = [...ignored].filter((label) => label !== IGNORE_LABEL).map((label) => [label, IGNORE_LABEL] as const);
  const absent = labels.flatMap((_, k) => (mask || labels.includes(k) || ignored.has(k) ? [] : [[k, null] as const]));
  return Object.fromEntries([...moved, ...left, ...absent].sort((a, b) => a[0] - b[0]));
}

/** The classes' colours in the label maps' palette, if they can be told apart. */
function paletteOf(labels: readonly number[], { stored, palette }: LabelMaps): Pick<Classes, 'palette'> {
  const colours = stored === 'numbers' && palette ? labels.map((label) => palette[label]) : labels.map(colourOf);
  if (stored === 'numbers' && palette === undefined) return {};
  const known = colours.filter((colour) => colour !== undefined);
  const different = new Set(known.map(colourKey)).size;
  return different === labels.length && known.some(([red, green, blue]) => Math.max(red, green, blue) > labels.length)
    ? { palette: known }
    : {};
}

export const colourOf = (key: number): Colour => [key >> 16, (key >> 8) & 255, key & 255];

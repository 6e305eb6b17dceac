/** What a dataset is: names, colours and the meaning of the stored labels. Data, never code of its own. */

export type Colour = readonly [red: number, green: number, blue: number];

/** Label that every loss and metric leaves out. */
export const IGNORE_LABEL = 255;
/** Entry of a label table for a stored label that is not allowed. */
export const INVALID_LABEL = 254;
/** Class numbers must stay below the two labels above. */
export const MAX_CLASSES = 254;

/** What of a validation image the network sees (SPEC section 7). */
export type EvalMode = 'original' | 'center_crop' | 'sliding_window';

/** Label maps that may stand in for the ones that lists name, where these are not there. */
export interface OtherLabels {
  /** How the files that lists name end, and how those that may lie beside them end. */
  readonly listed: string;
  readonly ending: string;
  /** Stored label -> train label of the latter. */
  readonly labelMap: Readonly<Record<number, number>>;
}

export interface Dataset {
  /** The name in `data.dataset`, and of the file in this folder. */
  readonly name: string;
  /** Class names in the order of the train labels 0, 1, ... */
  readonly classes: readonly string[];
  /** One colour a class. */
  readonly palette: readonly Colour[];
  /** Stored label -> train label (255 = ignore, null = not allowed), where they differ. Labels below the class count and 255 mean themselves. */
  readonly labelMap?: Readonly<Record<number, number | null>>;
  /** Label maps are stored as colours, one a class; `ignoreColours` are those of pixels without a label. */
  readonly labelColours?: readonly Colour[];
  readonly ignoreColours?: readonly Colour[];
  /** What `eval.mode: auto` means. */
  readonly evalMode: EvalMode;
  /** Images are read as they are stored, whatever turn they note (EXIF orientation), as the published code reads them. */
  readonly asStored?: true;
  readonly otherLabels?: OtherLabels;
  /**
   * Where no list names the unlabelled images: a folder below the data root, and the ending of its images. All of them that are
   * not labelled are unlabelled.
   */
  readonly unlabelledImages?: { readonly folder: string; readonly ending: string };
}

/**
 * The colours of Pascal VOC for n classes: the bits of the class number dealt to red, green and blue in turn, highest first.
 * Source: VOCdevkit, VOClabelcolormap.m.
 */
export function vocPalette(count: number): Colour[] {
  const bit = (value: number, index: number): number => (value >> index) & 1;
  return Array.from({ length: count }, (_, label) => {
    const channel = (first: number): number => [0, 1, 2].reduce((sum, i) => sum | (bit(label, 3 * i + first) << (7 - i)), 0);
    return [channel(0), channel(1), channel(2)];
  });
}

/** How stored labels become train labels: by number (256 entries, INVALID_LABEL where not allowed), or by colour (`colourKey`). */
export type LabelTable = Uint8Array | ReadonlyMap<number, number>;

/** A colour as one number: 0xrrggbb. */
export const colourKey = ([red, green, blue]: Colour): number => (red << 16) | (green << 8) | blue;

/** How a dataset's stored labels become train labels. */
export function storedLabels(dataset: Dataset): LabelTable {
  const { labelColours, ignoreColours = [] } = dataset;
  if (!labelColours) return labelTable(dataset);
  const ignored = ignoreColours.map((colour) => [colourKey(colour), IGNORE_LABEL] as const);
  return new Map([...ignored, ...labelColours.map((colour, label) => [colourKey(colour), label] as const)]);
}

/** 256 entries: stored label -> train label, 255 to ignore, INVALID_LABEL where the stored label is not allowed. */
export function labelTable(dataset: Pick<Dataset, 'classes' | 'labelMap'>): Uint8Array {
  const table = new Uint8Array(256).fill(INVALID_LABEL);
  for (let label = 0; label < dataset.classes.length; label++) table[label] = label;
  table[IGNORE_LABEL] = IGNORE_LABEL;
  for (const [stored, train] of Object.entries(dataset.labelMap ?? {})) table[Number(stored)] = train ?? INVALID_LABEL;
  return table;
}

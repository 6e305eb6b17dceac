/** The contact sheet: which labelled images it shows (every class where there is room, the rarest first), and how large. */
import { resizeBilinear, resizeNearest } from '../data/augment/resize.ts';
import type { Dataset, LabelTable } from '../data/catalog/index.ts';
import { decodeSample } from '../data/loader/source.ts';
import type { Rgb } from '../data/types.ts';
import { type ContactCell, contactSheet } from '../runs/pictures.ts';
import type { Examined } from './check-problems.ts';
import type { ClassHistogram } from './check-types.ts';

const COLUMNS = 4;
/** Images shown where there are so many, and most where the classes need more. */
const USUAL = 12;
const MOST = 32;
/** A picture's largest size, pixels. */
const CELL = { width: 320, height: 240 };
/** Share of an image that a class must take up to count as shown by it. */
const VISIBLE = 0.005;

export interface Chosen {
  readonly one: Examined;
  /** The class that it was chosen for. */
  readonly shows?: number;
}

const shareOf = ({ image, labels }: Examined, label: number): number => labels!.counts[label]! / (image!.width * image!.height);

/**
 * Chooses images for a sheet.
 * @param labelled labelled images that can be used.
 * @param classes number of classes.
 */
export function chooseImages(labelled: readonly Examined[], classes: number): Chosen[] {
  const chosen = new Map<Examined, number | undefined>();
  const images = (label: number): number => labelled.filter(({ labels }) => labels!.counts[label]! > 0).length;
  const pixels = (label: number): number => labelled.reduce((sum, { labels }) => sum + labels!.counts[label]!, 0);
  const byRarity = Array.from({ length: classes }, (_, label) => ({ label, images: images(label), pixels: pixels(label) }))
    .filter((one) => one.images > 0)
    .sort((a, b) => a.images - b.images || a.pixels - b.pixels);
  for (const { label } of byRarity) {
    if (chosen.size >= MOST || [...chosen.keys()].some((one) => shareOf(one, label) >= VISIBLE)) continue;
    const best = labelled.reduce((a, b) => (shareOf(b, label) > shareOf(a, label) ? b : a));
    if (!chosen.has(best)) chosen.set(best, label);
  }
  // The others from all over the list.
  const rest = labelled.filter((one) => !chosen.has(one));
  const more = Math.min(rest.length, Math.max(0, USUAL - chosen.size));
  for (let i = 0; i < more; i++) chosen.set(rest[Math.floor(((i + 0.5) * rest.length) / more)]!, undefined);
  return [...chosen].map(([one, shows]) => ({ one, ...(shows !== undefined && { shows }) }));
}

/** The share of a class as the legend says it. */
function percent({ labelled }: ClassHistogram): string {
  if (labelled.pixels === 0) return 'never';
  const value = 100 * labelled.share;
  return `${value < 0.1 ? '<0.1' : value.toFixed(1)} %`;
}

/** The contact sheet of the labelled images; undefined where none can be used. */
export async function drawSheet(
  root: string,
  labelled: readonly Examined[],
  { dataset, labelMap, classes }: { readonly dataset: Dataset; readonly labelMap: LabelTable; readonly classes: readonly ClassHistogram[] },
): Promise<Rgb | undefined> {
  const chosen = chooseImages(labelled, dataset.classes.length);
  if (chosen.length === 0) return undefined;
  const cells: ContactCell[] = [];
  for (const { one, shows } of chosen) {
    const { image, labels } = await decodeSample(root, one.sample, labelMap);
    const scale = Math.min(CELL.width / image.width, CELL.height / image.height);
    const size = { width: Math.max(1, Math.round(image.width * scale)), height: Math.max(1, Math.round(image.height * scale)) };
    const cell = { image: resizeBilinear(image, size), labels: resizeNearest(labels!, size), name: one.sample.image };
    cells.push(shows === undefined ? cell : { ...cell, shows });
  }
  return contactSheet(cells, {
    title: `${cells.length} of ${labelled.length} labelled images, rare classes first; pixels without a colour are ignored`,
    columns: Math.min(COLUMNS, cells.length),
    cellWidth: CELL.width,
    legend: { classes: dataset.classes, palette: dataset.palette },
    legendTexts: classes.map((one) => `${one.name} ${percent(one)}`),
  });
}

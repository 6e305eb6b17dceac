/**
 * A tiny data set of photographs for tests of whole commands: 18 JPEGs of 48 x 36 or 36 x 48 pixels in three classes, each of a
 * colour of its own (ground, a sky above it, a block in it), the lists of a split, and a configuration.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { random } from '../../src/base/random.ts';

export const classes = ['ground', 'sky', 'block'];
export const palette = [
  [120, 80, 40],
  [90, 150, 230],
  [220, 40, 60],
] as const;

const counts = { labeled: 6, unlabeled: 8, val: 4 } as const;
type List = keyof typeof counts;

/** Ground everywhere, sky down to a horizon, a block across it. */
function labelsOf(width: number, height: number, key: number): Uint8Array {
  const stream = random('tiny photographs', key);
  const horizon = stream.integer(Math.floor(height / 4), Math.floor(height / 2));
  const left = stream.integer(2, Math.floor(width / 2));
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    if (x >= left && x < left + width / 4 && y > horizon - 4 && y < horizon + 10) return 2;
    return y < horizon ? 1 : 0;
  });
}

async function writePair(root: string, name: string, key: number): Promise<void> {
  const [width, height] = key % 3 === 2 ? [36, 48] : [48, 36];
  const labels = labelsOf(width, height, key);
  const noise = random('tiny photographs, noise', key);
  const pixels = Uint8Array.from({ length: 3 * labels.length }, (_, i) => {
    return palette[labels[Math.floor(i / 3)]!]![i % 3]! + noise.integer(-20, 20);
  });
  const jpeg = sharp(pixels, { raw: { width, height, channels: 3 } }).jpeg({ quality: 92 });
  await jpeg.toFile(join(root, `images/${name}.jpg`));
  writeLabels(join(root, `masks/${name}.png`), width, height, labels);
}

/** An 8-bit grey PNG. */
export function writeLabels(file: string, width: number, height: number, data: Uint8Array): void {
  writeFileSync(file, encode({ width, height, data, channels: 1, depth: 8 }));
}

/** The lines of a list: `image mask`, or the image alone. */
export const linesOf = (names: readonly string[], masks = true): string =>
  names.map((name) => `images/${name}.jpg${masks ? ` masks/${name}.png` : ''}\n`).join('');

export const namesOf = (list: List): string[] => Array.from({ length: counts[list] }, (_, k) => `${list}${k}`);

/** Four iterations at crop 33 that learn from strong views, too. */
const configuration = (root: string): string => `method: dssn
seed: 3
device: cpu
threads: 1
model: { backbone: resnet18 }
data:
  dataset: folder
  root: ${root}
  split: few
  crop_size: 33
  workers: 1
  classes: [${classes.join(', ')}]
  palette: ${JSON.stringify(palette)}
train: { batch_size: 2, iterations: 4, lr: 0.01, warmup: { iterations: 1 }, eval_every: 4, log_every: 1 }
select: { rule: none }
`;

export interface Photographs {
  readonly root: string;
  readonly config: string;
}

/**
 * Writes the set into a new temporary folder: `images/NAME.jpg`, `masks/NAME.png`, `splits/few/{labeled,unlabeled}.txt`,
 * `splits/val.txt`, `few.yaml`.
 */
export async function writePhotographs(): Promise<Photographs> {
  const root = mkdtempSync(join(tmpdir(), 'dssn-photographs-'));
  for (const folder of ['images', 'masks', 'splits/few']) mkdirSync(join(root, folder), { recursive: true });
  const names = (Object.keys(counts) as List[]).flatMap(namesOf);
  await Promise.all(names.map((name, key) => writePair(root, name, key)));
  writeFileSync(join(root, 'splits/few/labeled.txt'), linesOf(namesOf('labeled')));
  writeFileSync(join(root, 'splits/few/unlabeled.txt'), linesOf(namesOf('unlabeled'), false));
  writeFileSync(join(root, 'splits/val.txt'), linesOf(namesOf('val')));
  const config = join(root, 'few.yaml');
  writeFileSync(config, configuration(root));
  return { root, config };
}

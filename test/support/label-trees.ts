/** Small folders of images and label maps of many kinds, for tests of `dssn init`. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { encode } from 'fast-png';
import sharp from 'sharp';

export const WIDTH = 40;
export const HEIGHT = 32;

/** Bands of equal height, one for each of these labels from top to bottom. */
export const bands = (labels: readonly number[]): number[] =>
  Array.from({ length: WIDTH * HEIGHT }, (_, i) => labels[Math.floor((Math.floor(i / WIDTH) * labels.length) / HEIGHT)]!);

export type Palette = readonly (readonly [number, number, number])[];

/** The bytes of a label map: 8-bit grey. */
export const grey = (labels: readonly number[]): Uint8Array =>
  encode({ width: WIDTH, height: HEIGHT, data: Uint8Array.from(labels), channels: 1, depth: 8 });

/** A palette PNG. */
export const indexed = (labels: readonly number[], palette: Palette): Uint8Array =>
  encode({
    width: WIDTH,
    height: HEIGHT,
    data: Uint8Array.from(labels),
    channels: 1,
    depth: 8,
    palette: palette.map((colour) => [...colour]),
  });

/** An RGB PNG: label k has colour k. */
export const coloured = (labels: readonly number[], colours: Palette): Uint8Array =>
  encode({ width: WIDTH, height: HEIGHT, data: Uint8Array.from(labels.flatMap((label) => [...colours[label]!])), channels: 3, depth: 8 });

/** A photograph whose bands have colours of their own. */
export const photograph = (labels: readonly number[]): Promise<Uint8Array> =>
  sharp(Uint8Array.from(labels.flatMap((label) => [(label * 37) % 256, (label * 91) % 256, 255 - ((label * 53) % 256)])), {
    raw: { width: WIDTH, height: HEIGHT, channels: 3 },
  })
    .jpeg()
    .toBuffer();

/** A new temporary folder with these files. */
export function treeOf(files: Readonly<Record<string, Uint8Array | string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'dssn-init-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** Every file and folder of a folder: when it was changed, and what it holds. */
export function snapshot(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const stats = statSync(join(folder, name));
      const content = stats.isFile()
        ? createHash('md5')
            .update(readFileSync(join(folder, name)))
            .digest('hex')
        : 'folder';
      return [name, `${stats.mtimeMs} ${stats.mode} ${content}`];
    }),
  );
}

/** A data set of one image of every kind, through check, train, evaluate and predict. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode } from 'fast-png';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CheckResult } from '../../src/tasks/check-types.ts';
import { dssn } from './command.ts';
import { type Photographs, writePhotographs } from './pictures.ts';

let set: Photographs;
const file = (name: string): string => join(set.root, 'images', `${name}.jpg`);

/** The same picture stored lying, and noted to be turned by a quarter when shown. */
const turned = async (image: Sharp): Promise<Buffer> => {
  const lying = await image.rotate(270).png().toBuffer();
  return sharp(lying).withMetadata({ orientation: 6 }).jpeg().toBuffer();
};

/** 16 bits a channel, with lower bytes that say nothing. */
async function deep(image: Sharp, channels: 1 | 3): Promise<Uint8Array> {
  const { data, info } = await (channels === 1 ? image.toColourspace('b-w') : image).raw().toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return encode({ width, height, data: Uint16Array.from(data, (value) => value * 256 + 99), channels, depth: 16 });
}

/** What each image is stored as; files keep their names, since their bytes tell what they are. */
const kinds: Readonly<Record<string, (image: Sharp) => Promise<Uint8Array>>> = {
  labeled0: (image) => deep(image, 3),
  labeled1: turned,
  labeled2: (image) => image.toColourspace('cmyk').jpeg().toBuffer(),
  labeled3: (image) => image.ensureAlpha(0.5).png().toBuffer(),
  labeled4: (image) => image.png({ palette: true, colours: 2 }).toBuffer(),
  labeled5: (image) => image.jpeg({ progressive: true }).toBuffer(),
  unlabeled0: (image) => deep(image, 1),
  unlabeled1: turned,
  unlabeled2: (image) => image.greyscale().ensureAlpha(0.5).png().toBuffer(),
  unlabeled3: (image) => image.threshold(120).png({ palette: true, colours: 2 }).toBuffer(),
  unlabeled4: (image) => image.png({ progressive: true }).toBuffer(),
  val0: turned,
  val1: (image) => image.greyscale().jpeg().toBuffer(),
};

beforeAll(async () => {
  set = await writePhotographs();
  for (const [name, store] of Object.entries(kinds)) writeFileSync(file(name), await store(sharp(readFileSync(file(name)))));
  // A label map of 16 bits.
  const mask = join(set.root, 'masks/val1.png');
  const { width, height, data } = decode(readFileSync(mask));
  writeFileSync(mask, encode({ width, height, data: Uint16Array.from(data), channels: 1, depth: 16 }));
});
afterAll(() => rmSync(set.root, { recursive: true }));

it('finds nothing wrong, learns, evaluates, and predicts at the sizes that people see', async () => {
  const checked = await dssn('check', '--config', set.config, '--no-estimate', '--out', join(set.root, 'check'), '--json');
  const { problems, sizes } = JSON.parse(checked.stdout) as CheckResult;
  expect([checked.code, problems]).toEqual([0, []]);
  // As the photographs were before they were stored otherwise.
  expect(sizes).toEqual([
    { width: 48, height: 36, images: 12 },
    { width: 36, height: 48, images: 6 },
  ]);

  const run = join(set.root, 'run');
  const trained = await dssn('train', '--config', set.config, '--out', run, '--json');
  expect([trained.code, JSON.parse(trained.stdout)], trained.stderr).toEqual([
    0,
    expect.objectContaining({ status: 'finished', iterations: 4 }),
  ]);

  const out = join(set.root, 'predictions');
  const names = Object.keys(kinds);
  const predicted = await dssn('predict', '--run', run, '--out', out, ...names.map(file));
  expect(predicted.code, predicted.stderr).toBe(0);
  for (const name of names) {
    const truth = decode(readFileSync(join(set.root, 'masks', `${name}.png`)));
    const mask = decode(readFileSync(join(out, `${name}.png`)));
    const overlay = await sharp(join(out, `${name}-overlay.png`)).metadata();
    expect([name, mask.width, mask.height, overlay.width, overlay.height]).toEqual([
      name,
      truth.width,
      truth.height,
      truth.width,
      truth.height,
    ]);
  }
});

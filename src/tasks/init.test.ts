import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { bands, coloured, grey, photograph, snapshot, treeOf } from '../../test/support/label-trees.ts';
import { DssnError } from '../base/errors.ts';
import { init } from './init.ts';
import type { InitOptions, Reporter } from './types.ts';

type Files = Record<string, Uint8Array | string>;

const quiet: Reporter = { start() {}, update() {}, end() {}, note() {}, warning() {}, table() {} };
const work = mkdtempSync(join(tmpdir(), 'dssn-init-out-'));
const temporary = [work];
afterAll(() => {
  for (const folder of temporary) rmSync(folder, { recursive: true });
});

const pair = async (name: string, labels: readonly number[] = [0, 1]): Promise<Files> => ({
  [`images/${name}.jpg`]: await photograph(bands(labels)),
  [`masks/${name}.png`]: grey(bands(labels)),
});
const plain = async (): Promise<Files> => Object.assign({}, ...(await Promise.all(['a', 'b', 'c', 'd'].map((name) => pair(name)))));

it.each<[what: string, code: number, message: RegExp, files: () => Promise<Files>, options?: Partial<InitOptions>]>([
  [
    'label maps that cannot be told apart',
    1,
    /cannot be told apart by their names:\n {2}images\/a\.jpg may have labels\/a\.png or masks\/a\.png\n.*--masks FOLDER/,
    async () => ({ ...(await plain()), 'labels/a.png': grey(bands([0, 1])) }),
  ],
  [
    'no label map',
    1,
    /1 images and not one label map; looked for .*masks\/.*--masks FOLDER/,
    async () => ({ 'a.jpg': await photograph(bands([0])) }),
  ],
  ['no image', 1, /holds no images; allowed endings: \.jpg, \.jpeg, \.png/, async () => ({ 'a.txt': 'x' })],
  ['one label map', 1, /only one image has a label map, images\/a\.jpg; at least two are needed/, () => pair('a')],
  [
    'names that do not fit',
    1,
    /1 label maps, 1 images, and no two whose names fit/,
    async () => ({ 'images/a.jpg': '', 'masks/b.png': '' }),
  ],
  [
    'one class',
    1,
    /the label maps hold only 0 beside 255, which is ignored; allowed: 2 to 254 classes/,
    async () => ({
      ...(await pair('a', [0])),
      ...(await pair('b', [0])),
      ...(await pair('c', [0])),
    }),
    { ignore: ['255'] },
  ],
  [
    'masks of 0 and 255 with soft edges',
    1,
    /the label maps look like masks of 0 and 255 with soft edges: they hold \d+ numbers, .*; write them anew .*by --ignore 255/,
    async () => {
      const soft = bands([0, 255]).map((label, i) => (i < 40 ? 6 * i : label));
      return { ...(await plain()), 'masks/a.png': grey(soft), 'masks/b.png': grey(soft), 'masks/c.png': grey(soft) };
    },
  ],
  [
    'a label map of another size',
    1,
    /masks\/b\.png has 40 x 32 pixels, images\/b\.jpg 1 x 1; an image and its label map must have the same size/,
    async () => ({
      ...(await plain()),
      'images/b.jpg': Buffer.from(
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
        'base64',
      ),
    }),
  ],
  [
    'a JPEG for a label map',
    1,
    /masks\/a\.jpg: is a JPEG file, whose compression changes labels/,
    async () => {
      const { 'masks/a.png': _, ...rest } = await plain();
      return { ...rest, 'masks/a.jpg': await photograph(bands([0, 1])) };
    },
  ],
  [
    'a photograph for a label map',
    1,
    /masks\/a\.png: more than 270 colours, the commonest \[.*soft/,
    async () => ({
      ...(await plain()),
      'masks/a.png': coloured(
        bands(Array.from({ length: 32 }, (_, i) => i)).map((label, i) => label * 40 + (i % 40)),
        Array.from({ length: 1280 }, (_, i) => [i % 256, i >> 8, 7] as const),
      ),
    }),
  ],
  ['more validation images than there are', 2, /--val 4: allowed: a number of images up to 3/, plain, { val: 4 }],
  [
    'a colour to ignore among numbers',
    2,
    /--ignore #ff0000: these label maps hold numbers; allowed: 0 to 255/,
    plain,
    { ignore: ['#ff0000'] },
  ],
  ['a folder of label maps that is not there', 2, /--masks: nowhere cannot be read/, plain, { masks: 'nowhere' }],
])('refuses %s with %i', async (_, code, message, files, options = {}) => {
  const folder = treeOf(await files());
  temporary.push(folder);
  const before = snapshot(folder);
  const out = join(work, 'dssn.yaml');
  const error: unknown = await init({ folder, out, seed: 1, ignore: [], force: false, reporter: quiet, ...options }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DssnError);
  expect((error as DssnError).message).toMatch(message);
  expect((error as DssnError).exitCode).toBe(code);
  expect(snapshot(folder)).toEqual(before);
  expect([existsSync(out), existsSync(join(work, 'dssn-lists'))]).toEqual([false, false]);
});

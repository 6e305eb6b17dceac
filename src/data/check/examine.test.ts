import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelTable } from '../catalog/dataset.ts';
import { countColours, countLabels, examineSample } from './examine.ts';
import { examineAll } from './examine-all.ts';

const root = mkdtempSync(join(tmpdir(), 'examine-'));
afterAll(() => rmSync(root, { recursive: true }));
const table = labelTable({ classes: ['a', 'b', 'c'], labelMap: { 9: 1 } });

const write = (name: string, bytes: Uint8Array): void => writeFileSync(join(root, name), bytes);
const mask = (name: string, width: number, height: number, labels: readonly number[] = []): void =>
  write(
    name,
    encode({ width, height, data: Uint8Array.from({ length: width * height }, (_, i) => labels[i] ?? 0), channels: 1, depth: 8 }),
  );
const ramp = Uint8Array.from({ length: 4 * 2 * 3 }, (_, i) => 10 + 10 * i);
const picture = sharp(ramp, { raw: { width: 4, height: 2, channels: 3 } });

beforeAll(async () => {
  write('good.png', await picture.clone().png().toBuffer());
  write('good.jpg', await picture.clone().jpeg().toBuffer());
  write('cut.jpg', readFileSync(join(root, 'good.jpg')).subarray(0, 200));
  for (const orientation of [3, 6]) write(`turned${orientation}.png`, await picture.clone().withMetadata({ orientation }).png().toBuffer());
  mask('wide.png', 4, 2, [0, 1, 2, 255, 9, 9, 0, 0]);
  mask('high.png', 2, 4);
  mask('other.png', 3, 2);
  mask('wrong.png', 4, 2, [0, 0, 0, 7, 0, 200, 7, 7]);
});

const examine = (image: string, maskName?: string) =>
  examineSample(root, { id: image, image, ...(maskName !== undefined && { mask: maskName }) }, table);

describe('countLabels', () => {
  it('counts by train label, and says of what is not allowed how often it is there and where first', () => {
    const { counts, wrong } = countLabels({ width: 3, height: 2, data: Uint8Array.of(0, 9, 77, 255, 77, 3) }, table);
    expect([0, 1, 2, 255, 254].map((label) => counts[label])).toEqual([1, 1, 0, 1, 3]);
    expect(wrong).toEqual([
      { label: 3, pixels: 1, row: 1, column: 2 },
      { label: 77, pixels: 2, row: 0, column: 2 },
    ]);
  });
});

describe('countColours', () => {
  it('counts by train label, and of colours that are none of the table those of the most pixels', () => {
    const colours = new Map([
      [0x0a141e, 0],
      [0xffffff, 255],
    ]);
    const [a, white, b, c] = [
      [10, 20, 30],
      [255, 255, 255],
      [1, 2, 3],
      [4, 5, 6],
    ] as const;
    const data = Uint8Array.from([a, c, b, white, b, a!].flat());
    const { counts, wrong } = countColours({ width: 3, height: 2, data }, colours);
    expect([0, 255, 254].map((label) => counts[label])).toEqual([2, 1, 3]);
    expect(wrong).toEqual([
      { colour: [1, 2, 3], pixels: 2, row: 0, column: 2 },
      { colour: [4, 5, 6], pixels: 1, row: 0, column: 1 },
    ]);
    const noise = { width: 64, height: 1, data: Uint8Array.from({ length: 192 }, (_, i) => i) };
    expect(countColours(noise, colours).wrong).toHaveLength(8);
  });

  it('is how a sample is examined whose labels are colours', async () => {
    const colours = new Map([[0x000000, 2]]);
    write('colours.png', encode({ width: 4, height: 2, data: new Uint8Array(24).fill(9, 21), channels: 3, depth: 8 }));
    const { faults, labels } = await examineSample(root, { id: 'a', image: 'good.png', mask: 'colours.png' }, colours);
    expect([faults, labels?.counts[2], labels?.wrong]).toEqual([[], 7, [{ colour: [9, 9, 9], pixels: 1, row: 1, column: 3 }]]);
  });
});

describe('examineSample', () => {
  it('finds nothing wrong with a good pair', async () => {
    const { faults, image, labels } = await examine('good.png', 'wide.png');
    expect([faults, labels?.wrong]).toEqual([[], []]);
    expect(image).toMatchObject({ width: 4, height: 2, low: 10, high: 240, turn: 'none' });
    expect([0, 1, 2, 255].map((label) => labels?.counts[label])).toEqual([3, 3, 1, 1]);
  });

  it.each<[what: string, image: string, mask: string, kinds: string[]]>([
    ['both files of a pair', 'nowhere.png', 'gone.png', ['missing nowhere.png', 'missing gone.png']],
    ['a truncated image beside a mask that is a picture', 'cut.jpg', 'good.png', ['unreadable cut.jpg', 'unreadable good.png']],
    ['a mask that is a JPEG', 'good.png', 'good.jpg', ['unreadable good.jpg']],
    ['a folder', '.', 'wide.png', ['unreadable .']],
    ['a mask of another size', 'good.png', 'other.png', ['size_mismatch other.png']],
    ['a mask that fits neither way', 'turned6.png', 'other.png', ['size_mismatch other.png']],
  ])('tells of %s', async (_, image, maskName, kinds) => {
    const { faults } = await examine(image, maskName);
    expect(faults.map(({ kind, file }) => `${kind} ${file}`)).toEqual(kinds);
    for (const { text, file } of faults) expect(text).toContain(join(root, file));
  });

  it.each([
    ['turned6.png', undefined, 'turned', [2, 4]],
    ['turned6.png', 'high.png', 'turned', [2, 4]],
    ['turned6.png', 'wide.png', 'stored', [4, 2]],
    ['turned3.png', 'wide.png', 'either', [4, 2]],
  ] as const)('tells how %s beside %s is taken: %s', async (image, maskName, turn, [width, height]) => {
    expect((await examine(image, maskName)).image).toMatchObject({ turn, width, height });
  });

  it('hashes pixels, not files', async () => {
    write('again.png', await picture.clone().png({ compressionLevel: 0, progressive: true }).toBuffer());
    const hash = async (name: string) => (await examine(name)).image?.hash;
    expect(await hash('again.png')).toBe(await hash('good.png'));
    expect(await hash('good.jpg')).not.toBe(await hash('good.png'));
    // The same bytes in another shape are another picture.
    write('tall.png', encode({ width: 2, height: 4, data: ramp, channels: 3, depth: 8 }));
    expect(await hash('tall.png')).not.toBe(await hash('good.png'));
  });

  it('reads no mask without a table', async () => {
    expect(await examineSample(root, { id: 'a', image: 'good.png', mask: 'gone.png' })).toMatchObject({ faults: [] });
  });
});

it('examines many by worker threads as by this one, in order, with label maps for the first of them alone', async () => {
  const images = ['good.png', 'nowhere.png', 'turned3.png', 'good.png', 'good.jpg', 'cut.jpg'];
  const samples = images.map((image, i) => ({ id: `${i}`, image, mask: i === 3 ? 'wrong.png' : 'wide.png' }));
  const setup = { root, samples, labelled: 4, labelMap: table };
  const done: number[] = [];
  const plain = await examineAll(setup, 0, (count) => done.push(count));
  expect(done).toEqual([1, 2, 3, 4, 5, 6]);
  const threaded = await examineAll(setup, 3, (count) => done.push(count));
  expect(done.slice(6)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(threaded).toEqual(plain);
  expect(plain.map(({ labels }) => labels?.wrong.length)).toEqual([0, 0, 0, 2, undefined, undefined]);
  expect(plain.map(({ faults }) => faults.map(({ kind }) => kind))).toEqual([[], ['missing'], [], [], [], ['unreadable']]);
  expect(await examineAll({ ...setup, samples: [], labelled: 0 }, 3, () => undefined)).toEqual([]);
});

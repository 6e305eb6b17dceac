import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DataError } from '../base/errors.ts';
import { checkFiles, loadSplit, readList, readSplit } from './lists.ts';

const folder = mkdtempSync(join(tmpdir(), 'lists-'));
afterAll(() => rmSync(folder, { recursive: true }));

const write = (path: string, text: string): string => {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
};
const pairs = (...names: string[]): string => names.map((name) => `${name}.jpg ${name}.png\n`).join('');

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

describe('readList', () => {
  it('separates by a tab where the line has one, else by a space; an image may stand alone', () => {
    const file = write('mixed.txt', '\uFEFFimages/a.b.jpg masks/a.b.png\r\n\nmy photos/c d.jpg\tmasks/c d.png\ne.jpg\nmy photos/f.jpg\t\n');
    expect(readList(file)).toEqual([
      { id: 'images/a.b', image: 'images/a.b.jpg', mask: 'masks/a.b.png' },
      { id: 'my photos/c d', image: 'my photos/c d.jpg', mask: 'masks/c d.png' },
      { id: 'e', image: 'e.jpg' },
      { id: 'my photos/f', image: 'my photos/f.jpg' },
    ]);
  });

  it('names list and line of three words, a repeated image, a lone tab', () => {
    expect(refusal(() => readList(write('three.txt', 'a.jpg a.png\n\nb.jpg b.png c\n')))).toMatch(
      /three\.txt:3: 3 words, allowed: an image and a mask.*tab/,
    );
    expect(refusal(() => readList(write('tabs.txt', 'a\tb\tc\n')))).toMatch(/tabs\.txt:1: 3 words/);
    expect(refusal(() => readList(write('twice.txt', pairs('a', 'b', 'a'))))).toMatch(
      /twice\.txt:3: an image named a stands in line 1 already/,
    );
    expect(refusal(() => readList(write('bare.txt', '\tmask.png\n')))).toMatch(/bare\.txt:1: no image before the tab/);
  });

  it('refuses an empty list and one that is not there', () => {
    expect(refusal(() => readList(write('empty.txt', '\n  \n')))).toMatch(/empty\.txt: the list is empty/);
    expect(refusal(() => readList(join(folder, 'absent.txt')))).toMatch(/absent\.txt: the list cannot be read/);
  });
});

describe('loadSplit', () => {
  const dataset = { name: 'pascal' };

  it("prefers the data's own lists, and takes the unlabelled images with or without masks", () => {
    write('own/splits/1_8/labeled.txt', pairs('a', 'b'));
    write('own/splits/1_8/unlabeled.txt', 'c.jpg\nd.jpg d.png\n');
    write('own/splits/val.txt', pairs('v'));
    const split = loadSplit(dataset, join(folder, 'own'), '1_8');
    expect(split.labelled.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(split.unlabelled).toEqual([
      { id: 'c', image: 'c.jpg' },
      { id: 'd', image: 'd.jpg', mask: 'd.png' },
    ]);
    expect(split.val.map(({ id }) => id)).toEqual(['v']);
    expect(loadSplit(dataset, join(folder, 'own'), '1_8', { labelledOnly: true }).unlabelled).toEqual([]);
  });

  it('takes train.txt without the labelled images where there is no unlabeled.txt', () => {
    write('rest/splits/x/labeled.txt', pairs('b'));
    write('rest/splits/train.txt', pairs('a', 'b', 'c'));
    write('rest/splits/val.txt', pairs('v'));
    expect(loadSplit(dataset, join(folder, 'rest'), 'x').unlabelled.map(({ id }) => id)).toEqual(['a', 'c']);
    write('rest/splits/all/labeled.txt', pairs('a', 'b', 'c'));
    expect(refusal(() => loadSplit(dataset, join(folder, 'rest'), 'all'))).toMatch(/none is left unlabelled/);
  });

  it.each([
    ['pascal', '1_8', 1323, 10582 - 1323, 1449],
    ['pascal', '92', 92, 10582 - 92, 1449],
    ['pascal', 'u2pl_1_16', 662, 10582 - 662, 1449],
    ['cityscapes', '1_16', 186, 2975 - 186, 500],
    ['cityscapes', '1_2', 1488, 2975 - 1488, 500],
  ])("finds the package's %s %s", (name, split, labelled, unlabelled, val) => {
    const lists = loadSplit({ name }, folder, split);
    expect([lists.labelled.length, lists.unlabelled.length, lists.val.length]).toEqual([labelled, unlabelled, val]);
  });

  it('takes an absolute path for the folder of all lists', () => {
    write('lists/labeled.txt', pairs('a'));
    write('lists/val.txt', pairs('v'));
    const lists = join(folder, 'lists');
    expect(refusal(() => loadSplit(dataset, '/nowhere', lists))).toMatch(/no unlabelled images: none of \S+lists\/unlabeled\.txt/);
    expect(loadSplit(dataset, '/nowhere', lists, { labelledOnly: true }).files).toEqual({
      labelled: join(lists, 'labeled.txt'),
      val: join(lists, 'val.txt'),
    });
    write('lists/unlabeled.txt', 'my photos/u.jpg\t\n');
    expect(loadSplit(dataset, '/nowhere', lists).unlabelled).toEqual([{ id: 'my photos/u', image: 'my photos/u.jpg' }]);
    expect(refusal(() => loadSplit(dataset, '/nowhere', folder))).toMatch(
      /data\.split: there is no \S+labeled\.txt; allowed: the name of a split, or a folder with/,
    );
  });

  it('has the published COCO lists, whose unlabelled images are the rest of a folder', () => {
    expect(loadSplit({ name: 'coco' }, folder, '1_512', { labelledOnly: true }).labelled.length).toBe(232);
    expect(refusal(() => loadSplit({ name: 'coco' }, folder, '1_512'))).toMatch(/none of \S+unlabeled\.txt, \S+train\.txt is there/);
    const coco = { name: 'coco', unlabelledImages: { folder: 'train2017', ending: '.jpg' } };
    expect(refusal(() => loadSplit(coco, folder, '1_512'))).toMatch(/none of \S+unlabeled\.txt, \S+train\.txt, \S+train2017 is there/);
  });

  it('says where it looked for a split and which there are', () => {
    const message = refusal(() => loadSplit(dataset, folder, '1_6'));
    expect(message).toMatch(
      /data\.split '1_6' was not found: looked for .*splits\/1_6\/labeled\.txt and .*splits\/pascal\/1_6\/labeled\.txt/,
    );
    expect(message).toMatch(/did you mean '1_4'|did you mean '1_8'|did you mean '1_16'/);
    expect(message).toContain('u2pl_1_16');
    expect(refusal(() => loadSplit({ name: 'new' }, join(folder, 'nowhere'), 'x'))).toMatch(/there are no splits there/);
  });

  it('keeps the lists disjoint, and labelled and validation images labelled', () => {
    write('bad/splits/x/labeled.txt', pairs('a', 'b'));
    write('bad/splits/x/unlabeled.txt', pairs('b', 'c'));
    write('bad/splits/val.txt', pairs('v', 'a'));
    expect(refusal(() => loadSplit(dataset, join(folder, 'bad'), 'x'))).toMatch(
      /disjoint.*b\.jpg \(labelled and unlabelled\), a\.jpg \(labelled and val\)/,
    );
    write('bad/splits/y/labeled.txt', 'a.jpg\n');
    expect(refusal(() => loadSplit(dataset, join(folder, 'bad'), 'y'))).toMatch(/labeled\.txt: a\.jpg has no mask/);
  });
});

describe('readSplit', () => {
  const dataset = { name: 'folder' };
  it('reads what can be read, and tells all that is wrong with every list', () => {
    write('all/splits/x/labeled.txt', `${pairs('a')}b.jpg b.png c.png\nd.jpg\n${pairs('a', 'e')}f.jpg\n`);
    write('all/splits/x/unlabeled.txt', pairs('u', 'u', 'v'));
    write('all/splits/val.txt', '\n');
    const { split, problems } = readSplit(dataset, join(folder, 'all'), 'x');
    expect([split.labelled, split.unlabelled, split.val].map((list) => list.map(({ id }) => id))).toEqual([['a', 'e'], ['u', 'v'], []]);
    const told = [
      /\/x\/labeled\.txt:2: 3 words/,
      /\/x\/labeled\.txt:4: an image named a stands in line 1 already$/,
      /\/x\/labeled\.txt: d\.jpg, f\.jpg have no mask; allowed without one: images of unlabeled\.txt$/,
      /\/x\/unlabeled\.txt:2: an image named u stands in line 1 already$/,
      /\/splits\/val\.txt: the list is empty/,
    ];
    expect(problems).toEqual(told.map((text) => expect.stringMatching(text)));
    expect(refusal(() => loadSplit(dataset, join(folder, 'all'), 'x'))).toBe(problems.join('\n'));
    write('all/splits/long/labeled.txt', 'a b c\n'.repeat(23));
    const refused = refusal(() => loadSplit(dataset, join(folder, 'all'), 'long', { labelledOnly: true })).split('\n');
    expect([refused.length, refused.at(-1)]).toEqual([21, 'and 4 more']);
  });
});

describe('checkFiles', () => {
  it('names the first twenty files that are missing and counts all', async () => {
    const samples = Array.from({ length: 30 }, (_, i) => ({ id: `m${i}`, image: `m${i}.jpg`, mask: `m${i}.png` }));
    write('m3.jpg', '');
    for (const { mask } of samples) write(mask, '');
    await expect(checkFiles(folder, samples)).rejects.toThrow(
      /^29 of 60 files are missing below .*: m0\.jpg, m1\.jpg, m2\.jpg, m4\.jpg, .*m20\.jpg, and 9 more$/,
    );
    await expect(checkFiles(folder, samples.slice(3, 4))).resolves.toBeUndefined();
    await expect(checkFiles(folder, [{ id: 'm3', image: 'm3.jpg', mask: 'none.png' }])).rejects.toThrow(DataError);
    await expect(checkFiles(folder, [{ id: 'm3', image: 'm3.jpg', mask: 'none.png' }], { masks: false })).resolves.toBeUndefined();
  });
});

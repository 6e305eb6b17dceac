import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../src/config/load.ts';
import { type Split, loadSplit } from '../../src/data/lists.ts';
import type { CheckResult } from '../../src/tasks/check-types.ts';
import type { InitResult } from '../../src/tasks/types.ts';
import { bands, coloured, grey, indexed, type Palette, photograph, snapshot, treeOf } from '../support/label-trees.ts';
import { dssn } from './command.ts';

const temporary: string[] = [];
afterAll(() => {
  for (const folder of temporary) rmSync(folder, { recursive: true });
});

const made = (folder: string): string => {
  temporary.push(folder);
  return folder;
};
const tree = (files: Readonly<Record<string, Uint8Array | string>>): string => made(treeOf(files));
const work = made(mkdtempSync(join(tmpdir(), 'dssn-init-out-')));

/** Runs init on a folder, into a new configuration; the folder must be as before. */
async function initialise(folder: string, name: string, ...args: readonly string[]) {
  const before = snapshot(folder);
  const config = join(work, `${name}.yaml`);
  const ended = await dssn('init', folder, '--out', config, '--json', ...args);
  expect(snapshot(folder)).toEqual(before);
  return { ...ended, config };
}

/** What init made of a folder: its result, the configuration and the lists. */
async function accepted(folder: string, name: string, ...args: readonly string[]) {
  const { code, stdout, stderr, config } = await initialise(folder, name, ...args);
  expect(code, stderr).toBe(0);
  const result = JSON.parse(stdout) as InitResult;
  const read = loadConfig(config);
  const split: Split = loadSplit({ name: 'folder' }, read.data.root, read.data.split, { labelledOnly: result.unlabelled === 0 });
  expect([split.labelled.length, split.unlabelled.length, split.val.length]).toEqual([result.labelled, result.unlabelled, result.val]);
  return { result, config, data: read.data, split, text: readFileSync(config, 'utf8'), stderr };
}

const small = ['model.backbone=resnet10', 'data.workers=1', 'threads=1', 'device=cpu', 'train.iterations=2', 'train.precision=fp32'];

/** Trains with the written file, and returns the result. */
async function trained(config: string, ...set: readonly string[]) {
  const settings = [...small, ...set].flatMap((setting) => ['--set', setting]);
  const run = made(mkdtempSync(join(tmpdir(), 'dssn-init-run-')));
  const { code, stdout, stderr } = await dssn('train', '--config', config, '--out', run, '--json', ...settings);
  expect(code, stderr).toBe(0);
  return { run, ...(JSON.parse(stdout) as { status: string; iterations: number }) };
}

const labelled = 8;
const unlabelled = 6;

describe('dssn init makes a configuration that trains', () => {
  it('of numbers in folders below folders, named by a file, 255 ignored', async () => {
    const files: Record<string, Uint8Array | string> = { 'classes.txt': 'water\nland\n\nboat\n' };
    for (let i = 0; i < labelled + unlabelled; i++) {
      const labels = bands(i % 2 === 0 ? [0, 1, 255] : [0, 2, 1]);
      files[`images/day${i % 2}/${i}.jpg`] = await photograph(labels);
      if (i < labelled) files[`masks/day${i % 2}/${i}.png`] = grey(labels);
    }
    const { result, config, data, split, text } = await accepted(tree(files), 'numbers');
    expect(result).toMatchObject({
      stored: 'numbers',
      classes: ['water', 'land', 'boat'],
      ignored: ['255'],
      labelled: 6,
      unlabelled,
      val: 2,
    });
    expect([data.label_map, data.long_side]).toEqual([null, null]);
    // Boats are in every second label map: the two validation images are one of each.
    expect(new Set(split.val.map(({ image }) => image.split('/')[1]))).toEqual(new Set(['day0', 'day1']));
    expect(split.labelled[0]).toMatchObject({ image: 'images/day0/0.jpg', mask: 'masks/day0/0.png' });
    const lines = text.split('\n');
    for (const [index, line] of lines.entries())
      if (/^ *\w+: \S/.test(line) && !/ema_warmup/.test(line)) expect(`${lines[index - 1]}\n${line}`).toMatch(/#/);
    expect(await trained(config)).toMatchObject({ status: 'finished', iterations: 2 });
  });

  it('of palettes and of names with blanks, in one folder', async () => {
    const palette: Palette = [
      [10, 20, 30],
      [200, 0, 0],
      [0, 90, 200],
    ];
    const files: Record<string, Uint8Array> = {};
    for (let i = 0; i < labelled + unlabelled; i++) {
      const labels = bands([0, 1, 2]);
      files[`my photos/street ${i}.JPG`] = await photograph(labels);
      if (i < labelled) files[`my photos/street ${i} mask.png`] = indexed(labels, palette);
    }
    const { result, config, data, split } = await accepted(tree(files), 'with blanks', '--val', '3', '--seed', '7');
    expect(result).toMatchObject({ classes: ['class_0', 'class_1', 'class_2'], val: 3, labelled: 5 });
    expect(data.palette).toEqual(palette);
    expect(split.unlabelled[0]!.image).toBe('my photos/street 10.JPG');
    expect(loadConfig(config).seed).toBe(7);
    expect(await trained(config)).toMatchObject({ status: 'finished' });
  });

  it('of masks of 0 and 255 in another folder, without unlabelled images', async () => {
    const photos: Record<string, Uint8Array> = {};
    const masks: Record<string, Uint8Array> = {};
    for (let i = 0; i < labelled; i++) {
      photos[`${i}.jpg`] = await photograph(bands([0, 1]));
      masks[`deep/${i}_seg.png`] = grey(bands([0, 255, 0]));
    }
    const folder = tree({ ...photos });
    const other = tree(masks);
    const before = snapshot(other);
    const { result, config, data, split } = await accepted(folder, 'two folders', '--masks', other);
    expect(snapshot(other)).toEqual(before);
    expect(result).toMatchObject({ classes: ['background', 'foreground'], unlabelled: 0, ignored: [] });
    expect([data.label_map, data.root, loadConfig(config).method]).toEqual([{ 255: 1 }, tmpdir(), 'supervised']);
    expect(split.labelled[0]!.mask).toMatch(/^dssn-init-\w+\/deep\/\d_seg\.png$/);
    expect(await trained(config)).toMatchObject({ status: 'finished' });
  });

  it('of colours, which self-training and evaluation read too', async () => {
    const colours: Palette = [
      [0, 0, 0],
      [128, 64, 128],
      [70, 70, 70],
    ];
    const files: Record<string, Uint8Array> = {};
    for (let i = 0; i < labelled + unlabelled; i++) {
      const labels = bands([1, 2, 2, 0]);
      files[`images/${i}.jpg`] = await photograph(labels);
      if (i < labelled) files[`annotations/${i}.png`] = coloured(labels, colours);
    }
    const folder = tree(files);
    const { result, config, data } = await accepted(folder, 'colours', '--ignore', '#000000');
    expect(result).toMatchObject({ stored: 'colours', classes: ['class_0', 'class_1'], ignored: ['[0, 0, 0]'] });
    // The commoner colour first.
    expect([data.label_colours, data.ignore_colours, data.palette]).toEqual([[colours[2], colours[1]], [colours[0]], null]);
    expect(await trained(config)).toMatchObject({ status: 'finished' });
    const { run } = await trained(config, 'method=st');
    const evaluated = await dssn('evaluate', '--run', run, '--json');
    expect(evaluated.code, evaluated.stderr).toBe(0);
    expect(Object.keys(JSON.parse(evaluated.stdout).iou)).toEqual(['class_0', 'class_1']);
    const checked = async (): Promise<CheckResult> => {
      const { stdout } = await dssn('check', '--config', config, '--no-estimate', '--out', join(work, 'check'), '--json');
      return JSON.parse(stdout) as CheckResult;
    };
    const good = await checked();
    expect([good.ok, good.errors]).toEqual([true, 0]);
    // A quarter is black, which is ignored; of the rest two thirds have the commoner colour.
    const pixels = result.labelled * 40 * 32;
    expect(good.classes.map(({ labelled: { share, images } }) => [share, images])).toEqual([
      [expect.closeTo(2 / 3, 9), result.labelled],
      [expect.closeTo(1 / 3, 9), result.labelled],
    ]);
    expect(good.ignored.labelled.pixels).toBe(pixels / 4);
    // A colour that is none of these is told by file and place, not learnt.
    writeFileSync(join(folder, 'annotations/3.png'), coloured(bands([1, 2, 3]), [...colours, [1, 2, 3]]));
    const { ok, problems } = await checked();
    expect([ok, problems.filter(({ level }) => level === 'error')]).toEqual([
      false,
      [
        expect.objectContaining({
          kind: 'label_out_of_range',
          file: expect.stringMatching(/annotations\/3\.png$/),
          colour: [1, 2, 3],
          column: 0,
        }),
      ],
    ]);
    const bad = await dssn('train', '--config', config, '--out', join(work, 'bad'), ...small.flatMap((setting) => ['--set', setting]));
    expect([bad.code, bad.stderr]).toEqual([
      1,
      expect.stringMatching(
        /annotations\/3\.png: colour \[1, 2, 3\] \(row \d+, column 0\) is not allowed; allowed: \[0, 0, 0\] \[70, 70, 70\]/,
      ),
    ]);
  });

  it('of two hundred classes, and of three label maps', async () => {
    const files: Record<string, Uint8Array> = {};
    const all = Array.from({ length: 40 * 32 }, (_, i) => i % 200);
    for (let i = 0; i < 3; i++) files[`${i}.png`] = grey(all);
    for (let i = 0; i < 4; i++) files[`${i}.jpg`] = await photograph(all);
    const { result, config } = await accepted(tree(files), 'two hundred');
    expect([result.classes.length, result.labelled, result.val, result.unlabelled]).toEqual([200, 2, 1, 1]);
    expect(result.warnings.join()).toMatch(/1 of 3 labelled images validates: scores will say little/);
    expect(await trained(config)).toMatchObject({ status: 'finished' });
  });
});

describe('dssn init', () => {
  const pair = async (name: string, labels: readonly number[] = [0, 1]): Promise<Record<string, Uint8Array>> => ({
    [`images/${name}.jpg`]: await photograph(bands(labels)),
    [`masks/${name}.png`]: grey(bands(labels)),
  });
  const plain = async (): Promise<Record<string, Uint8Array>> =>
    Object.assign({}, ...(await Promise.all(['a', 'b', 'c', 'd'].map((name) => pair(name)))));

  it('says what it decided and what to type next, and draws the same lists for the same seed', async () => {
    const folder = tree({ ...(await plain()), 'masks/nobody.png': grey(bands([0])), 'images/scan.tif': 'II*' });
    const config = join(work, 'told.yaml');
    const { code, stdout } = await dssn('init', folder, '--out', config);
    expect(code).toBe(0);
    expect(stdout).toMatch(/4 images have label maps \(such as images\/a\.jpg and masks\/a\.png\), 0 have none/);
    expect(stdout).toMatch(/label maps hold grey levels/);
    expect(stdout).toMatch(/background +0 +50\.00 +4\n/);
    expect(stdout).toMatch(/left out, since their images are not there, 1 of the label maps: masks\/nobody\.png/);
    expect(stdout).toMatch(/left out, since only JPEG and PNG are read: 1 of \*\.tif/);
    expect(stdout).toMatch(/next: .*\n {2}dssn check --config \S+told\.yaml\n {2}dssn train --config \S+told\.yaml --out runs\/first\n$/);
    const again = (name: string, ...args: string[]) => accepted(folder, name, ...args).then(({ split }) => split.val[0]!.image);
    const first = readFileSync(join(work, 'told-lists/val.txt'), 'utf8').split(' ')[0];
    expect(await again('again')).toBe(first);
    expect(() => parseConfig(readFileSync(config, 'utf8'), config)).not.toThrow();
  });

  it('replaces nothing unless told to, and leaves no list of an earlier time', async () => {
    const folder = tree({ ...(await plain()), 'images/e.jpg': await photograph(bands([0, 1])) });
    const { config } = await accepted(folder, 'kept');
    const before = snapshot(work);
    const refused = await initialise(folder, 'kept');
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/kept\.yaml: is there already; give another --out, or --force/),
    ]);
    expect(snapshot(work)).toEqual(before);
    rmSync(join(folder, 'images/e.jpg'));
    const { result } = await accepted(folder, 'kept', '--force');
    expect(result.unlabelled).toBe(0);
    expect(Object.keys(snapshot(config.replace('.yaml', '-lists')))).toEqual(['labeled.txt', 'val.txt']);
  });

  it('names label maps that cannot be told apart, and ends with 1, without a stack', async () => {
    const folder = tree({ ...(await plain()), 'labels/a.png': grey(bands([0, 1])) });
    const { code, stdout, stderr } = await initialise(folder, 'refused');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^error: label maps that cannot be told apart by their names:\n {2}images\/a\.jpg may have labels\/a\.png or masks\/a\.png\n/m,
    );
    expect(stderr).not.toMatch(/^\s+at |DSSN_DEBUG/m);
    expect(Object.keys(snapshot(work)).filter((name) => name.startsWith('refused'))).toEqual([]);
  });

  it('writes nothing into the folder through a link, nor by its lists', async () => {
    const folder = tree({ 'images/a.jpg': await photograph(bands([0, 1])), 'masks/a.png': grey(bands([0, 1])) });
    const link = join(work, 'linked');
    symlinkSync(folder, link);
    const before = snapshot(folder);
    const through = await dssn('init', folder, '--out', join(link, 'x.yaml'));
    expect([through.code, through.stderr]).toEqual([2, expect.stringContaining(`lies in ${folder}, where nothing is changed`)]);
    const lists = made(`${folder}-lists`);
    renameSync(folder, lists);
    const named = await dssn('init', lists, '--out', `${folder}.yaml`, '--force');
    expect([named.code, named.stderr]).toEqual([2, expect.stringContaining(`lies in ${lists}, where nothing is changed`)]);
    expect(snapshot(lists)).toEqual(before);
    mkdirSync(folder);
  });

  it('names images that cannot be read together, and passes over links to themselves', async () => {
    const files: Record<string, Uint8Array | string> = { 'images/y.jpg': '', 'images/z.jpg': '' };
    for (const name of ['a', 'b', 'c'])
      Object.assign(files, { [`images/${name}.jpg`]: await photograph(bands([0, 1])), [`masks/${name}.png`]: grey(bands([0, 1])) });
    const folder = tree(files);
    symlinkSync('self', join(folder, 'self'));
    const config = join(work, 'unreadable.yaml');
    const { code, stdout, stderr } = await dssn('init', folder, '--out', config);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('warning: cannot be read, and would end a training: images/y.jpg, images/z.jpg\n');
  });

  it('writes nothing into the folder', async () => {
    const folder = tree(await plain());
    const before = snapshot(folder);
    const { code, stderr } = await dssn('init', folder, '--out', join(folder, 'sub/dssn.yaml'));
    expect([code, stderr]).toEqual([2, expect.stringMatching(/--out \S+: lies in \S+, where nothing is changed; give a file elsewhere/)]);
    expect(snapshot(folder)).toEqual(before);
  });
});

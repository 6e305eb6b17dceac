import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { decode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckProblem, CheckResult } from '../../src/tasks/check-types.ts';
import { dssn, type Ended, start } from './command.ts';
import { linesOf, namesOf, type Photographs, writeLabels, writePhotographs } from './pictures.ts';

/** Where the checks write: never beside the data. */
const out = mkdtempSync(join(tmpdir(), 'dssn-check-'));
let good: Photographs;
let bad: Photographs;
beforeAll(async () => {
  [good, bad] = await Promise.all([writePhotographs(), writePhotographs()]);
});
afterAll(() => {
  for (const folder of [out, good.root, bad.root]) rmSync(folder, { recursive: true });
});

const settings = (sets: readonly string[]): string[] => sets.flatMap((set) => ['--set', set]);

/** The files of a folder with their contents and times. */
function stateOf(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => {
    const { mtimeMs, size } = statSync(join(folder, name));
    const hash = statSync(join(folder, name)).isFile()
      ? createHash('md5')
          .update(readFileSync(join(folder, name)))
          .digest('hex')
      : '';
    return `${name} ${mtimeMs} ${size} ${hash}`;
  });
}

function resultOf({ code, stdout, stderr }: Ended, expected: number): CheckResult {
  expect([code, stdout.trimEnd().split('\n').length], stderr).toEqual([expected, 1]);
  return JSON.parse(stdout) as CheckResult;
}

describe('on good data', () => {
  let result: CheckResult;
  let before: string[];
  beforeAll(async () => {
    before = stateOf(good.root);
    result = resultOf(await dssn('check', '--config', good.config, '--out', join(out, 'good'), '--json'), 0);
  });

  it('finds nothing, counts classes and sizes, and changes nothing', () => {
    expect(result).toMatchObject({ ok: true, errors: 0, warnings: 0, problems: [], lists: { labelled: 6, unlabelled: 8, val: 4 } });
    // Labelled images 2 and 5, unlabelled 2 and 5, validation images 0 and 3 are upright.
    expect(result.sizes).toEqual([
      { width: 48, height: 36, images: 12 },
      { width: 36, height: 48, images: 6 },
    ]);
    expect(result.classes.map(({ name, labelled, val }) => [name, labelled.images, val.images])).toEqual([
      ['ground', 6, 4],
      ['sky', 6, 4],
      ['block', 6, 4],
    ]);
    for (const list of ['labelled', 'val'] as const) {
      const pixels = result.classes.reduce((sum, one) => sum + one[list].pixels, 0);
      expect(pixels).toBe(result.lists[list] * 48 * 36);
      expect(result.classes.reduce((sum, one) => sum + one[list].share, 0)).toBeCloseTo(1, 9);
      expect(result.ignored[list]).toEqual({ pixels: 0, share: 0, images: 0 });
    }
    expect(stateOf(good.root)).toEqual(before);
  });

  it('measures steps of this configuration', () => {
    expect(result.estimate).toMatchObject({
      device: 'cpu',
      threads: 1,
      iterations: 4,
      iterations_per_epoch: 4,
      evaluations: 1,
      warmup_steps: 1,
    });
    // On a slow machine fewer are tried.
    expect([1, 2, 3]).toContain(result.estimate?.steps);
  });

  it('writes the report and a contact sheet with the classes of the labels', () => {
    expect([result.report, result.picture]).toEqual([join(out, 'good/check.json'), join(out, 'good/labels.png')]);
    expect(JSON.parse(readFileSync(result.report!, 'utf8'))).toEqual(result);
    const { width, height, channels } = decode(readFileSync(result.picture!));
    // Four pictures of at most 320 x 240 side by side, six of them in two rows.
    expect([width, channels]).toEqual([4 * 320 + 3 * 14 + 24, 3]);
    expect(height).toBeGreaterThan(2 * 240);
    expect(height).toBeLessThan(3 * 240);
  });

  it('shows people a histogram with bars, sizes and what to type next, and leaves the estimate out where asked', async () => {
    const picture = join(out, 'alone.png');
    const ended = await dssn('check', '--config', good.config, '--set', 'seed=5', '--no-estimate', '--out', picture);
    expect(ended.code).toBe(0);
    expect(ended.stdout).toMatch(/^files 18\/18 100%/m);
    expect(ended.stdout).toMatch(/^ +0 {2}ground +█+.* \d+\.\d % +6 .*█.* % +4$/m);
    expect(ended.stdout).toContain('6 labelled, 8 unlabelled, 4 validation images\nsizes: 48 x 36 (12), 36 x 48 (6)\n');
    expect(ended.stdout).toContain('time and memory: left out, as asked for by --no-estimate');
    expect(ended.stdout).not.toMatch(/^(error|warning)/m);
    const next = `next: dssn train --config ${good.config} --set seed=5 --out runs/few\n`;
    expect(ended.stdout.endsWith(`look at the labels: ${picture}\nnothing is wrong; training can begin\n${next}`)).toBe(true);
    expect(existsSync(picture)).toBe(true);
  });

  it('reads no unlabelled images for method supervised, as training does not', async () => {
    const args = ['--config', good.config, '--set', 'method=supervised', '--no-estimate', '--out', join(out, 'supervised'), '--json'];
    expect(resultOf(await dssn('check', ...args), 0).lists).toEqual({ labelled: 6, unlabelled: 0, val: 4 });
  });

  it('refuses to write over the data', async () => {
    mkdirSync(join(good.root, 'splits/png'));
    writeFileSync(join(good.root, 'splits/png/labeled.txt'), linesOf(namesOf('labeled')));
    writeFileSync(join(good.root, 'splits/png/unlabeled.txt'), linesOf(namesOf('unlabeled')));
    const over = join(good.root, 'masks/unlabeled0.png');
    const kept = readFileSync(over);
    const { code, stderr } = await dssn('check', '--config', good.config, '--set', 'data.split=png', '--no-estimate', '--out', over);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`error: --out ${over}: is a file of the data and would be written over`)]);
    expect(readFileSync(over)).toEqual(kept);
  });
});

it('replaces its own files, and nothing that it did not write: also through links', async () => {
  const folder = join(out, 'own');
  mkdirSync(folder);
  const check = (to: string) => dssn('check', '--config', good.config, '--no-estimate', '--out', to);
  writeFileSync(join(folder, 'check.json'), '{"mine": 1}');
  writeFileSync(join(folder, 'labels.png'), 'mine');
  const before = stateOf(folder);
  const refused = await check(folder);
  expect([refused.code, refused.stderr]).toEqual([
    2,
    `error: --out ${folder}/check.json: is there and was not written by a check; give another\n`,
  ]);
  rmSync(join(folder, 'check.json'));
  expect((await check(folder)).stderr).toMatch(/labels\.png: is there and was not written by a check/);
  expect(stateOf(folder)).toEqual(before.filter((line) => !line.startsWith('check.json')));
  rmSync(join(folder, 'labels.png'));
  for (const _ of [1, 2]) expect((await check(folder)).code).toBe(0);

  const link = join(out, 'link');
  symlinkSync(good.root, link);
  const data = stateOf(good.root);
  expect((await check(join(link, 'masks/val0.png'))).stderr).toMatch(
    /link\/masks\/val0\.png: is a file of the data and would be written over/,
  );
  expect(stateOf(good.root)).toEqual(data);
});

it('ends with 2 where training would, for want of labelled images or of pretrained weights', async () => {
  const check = async (...sets: string[]) => {
    const args = ['--config', good.config, '--no-estimate', '--out', join(out, 'settings'), '--json', ...settings(sets)];
    return resultOf(await dssn('check', ...args), 2).problems.map(({ text }) => text);
  };
  expect(await check('data.holdout=6')).toEqual([
    'data.holdout: 6 of 6 labelled images would leave none to learn from; allowed: at most 5',
  ]);
  expect(await check('data.holdout=5', 'method=supervised')).toEqual([expect.stringMatching(/batch/)]);
  expect(await check('pretrained=nowhere.pth')).toEqual([expect.stringMatching(/^pretrained: \S+\/nowhere\.pth is not there/)]);
});

it('says before it begins where nothing can be written', async () => {
  const { code, stderr } = await dssn('check', '--config', good.config, '--out', join(good.config, 'below'));
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^error: --out \S+few\.yaml\/below: cannot be written \(E/m)]);
});

it('takes the process of its training steps with it when it is ended', async () => {
  // Steps enough to be still at it.
  const large = ['data.crop_size=65', 'train.batch_size=4', 'train.iterations=100'];
  const { process: check, ended } = start('check', '--config', good.config, '--out', join(out, 'ended'), ...settings(large));
  await new Promise<void>((resolve, reject) => {
    check.stdout?.on('data', (chunk) => String(chunk).includes('training steps 1/') && resolve());
    check.once('close', () => reject(new Error('no step was tried')));
  });
  const children = readFileSync(`/proc/${check.pid}/task/${check.pid}/children`, 'utf8').trim().split(' ').map(Number);
  expect(children).toHaveLength(1);
  check.kill('SIGTERM');
  expect((await ended).code).toBe(143);
  // Whoever inherits it may leave it unburied (state Z).
  const isAlive = (): boolean => {
    try {
      return !/^State:\s+Z/m.test(readFileSync(`/proc/${children[0]}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  while (isAlive()) await setTimeout(20);
  expect(existsSync(join(out, 'ended/labels.png'))).toBe(false);
});

describe('on data with every fault at once', () => {
  const sets = ['data.classes=[ground,sky,block,ghost]', 'data.palette=null', 'data.crop_size=40', 'train.batch_size=9'];
  let ended: Ended;
  let before: string[];
  const path = (name: string): string => join(bad.root, name);

  beforeAll(async () => {
    rmSync(path('images/labeled0.jpg'));
    rmSync(path('masks/val0.png'));
    writeFileSync(path('images/unlabeled0.jpg'), readFileSync(path('images/unlabeled0.jpg')).subarray(0, 700));
    writeLabels(path('masks/labeled1.png'), 30, 36, new Uint8Array(30 * 36));
    writeLabels(path('masks/labeled2.png'), 36, 48, new Uint8Array(36 * 48).fill(7, 38, 43));
    writeLabels(path('masks/labeled5.png'), 36, 48, new Uint8Array(36 * 48).fill(255));
    copyFileSync(path('images/labeled3.jpg'), path('images/val1.jpg'));
    copyFileSync(path('images/labeled4.jpg'), path('images/unlabeled1.jpg'));
    copyFileSync(path('images/unlabeled4.jpg'), path('images/val2.jpg'));
    const black = sharp(new Uint8Array(48 * 36 * 3), { raw: { width: 48, height: 36, channels: 3 } });
    await black.jpeg().toFile(path('images/unlabeled3.jpg'));
    // An image that its camera noted to be upside down, beside a mask that fits both ways.
    const upside = await sharp(path('images/labeled3.jpg')).withMetadata({ orientation: 3 }).jpeg().toBuffer();
    writeFileSync(path('images/val3.jpg'), await sharp(upside).resize(36, 48, { fit: 'fill' }).withMetadata({ orientation: 3 }).toBuffer());
    before = stateOf(bad.root);
    ended = await dssn('check', '--config', bad.config, ...settings(sets), '--out', join(out, 'bad'), '--json');
  });

  it('lists them all in one run, errors first, ends with 2 and changes nothing', () => {
    const result = resultOf(ended, 2);
    const told = ({ kind, list, file, class: name }: CheckProblem): string =>
      [kind, list, file ?? name].filter((word) => word !== undefined).join(' ');
    expect(result.problems.map((problem) => `${problem.level}: ${told(problem)}`)).toEqual([
      'error: too_few_images',
      'error: missing labelled images/labeled0.jpg',
      'error: size_mismatch labelled masks/labeled1.png',
      'error: label_out_of_range labelled masks/labeled2.png',
      'error: missing val masks/val0.png',
      'error: unreadable unlabelled images/unlabeled0.jpg',
      'warning: duplicate_train_val val images/val1.jpg',
      'warning: duplicate_labelled_unlabelled unlabelled images/unlabeled1.jpg',
      'warning: duplicate_train_val val images/val2.jpg',
      'warning: class_never_labelled labelled ghost',
      'warning: class_never_in_val val ghost',
      'warning: nothing_labelled labelled masks/labeled5.png',
      'warning: turn_unclear val images/val3.jpg',
      'warning: no_contrast unlabelled images/unlabeled3.jpg',
      'warning: smaller_than_crop',
    ]);
    expect(result).toMatchObject({
      ok: false,
      errors: 6,
      warnings: 9,
      estimate: null,
      no_estimate: 'too few images can be used to try training steps',
    });
    expect(result.problems[3]).toMatchObject({ label: 7, pixels: 5, row: 1, column: 2 });
    expect(result.problems[6]).toMatchObject({ other: 'images/labeled3.jpg', other_list: 'labelled' });
    expect(result.problems[8]).toMatchObject({ other: 'images/unlabeled4.jpg', other_list: 'unlabelled' });
    expect(stateOf(bad.root)).toEqual(before);
  });

  it('tells people each with its reason, and what to do', async () => {
    const { code, stdout } = await dssn('check', '--config', bad.config, ...settings(sets), '--out', join(out, 'bad'), '--no-estimate');
    expect(code).toBe(2);
    for (const part of [
      'error: train.batch_size: 6 labelled and 8 unlabelled images are too few for one batch of 9; set train.batch_size to at most 8',
      `error: 2 files are missing\n  ${bad.root}/images/labeled0.jpg: cannot be read (ENOENT`,
      `error: 1 label map is of another size than its image\n  ${bad.root}/masks/labeled1.png has 30 x 36 pixels, its image ${bad.root}/images/labeled1.jpg has 48 x 36;`,
      '  masks/labeled2.png: label 7 in 5 pixels, the first at row 1, column 2; allowed: 0..3, 255\n',
      `error: 1 file cannot be read\n  ${bad.root}/images/unlabeled0.jpg: is damaged or cut short (`,
      '  images/val1.jpg (val) has the pixels of images/labeled3.jpg (labelled)\n',
      'warning: 1 class is in no pixel of the labelled list, so it cannot be learnt: ghost\n',
      'warning: 1 image shows hardly anything\n  images/unlabeled3.jpg: every value is 0\n',
      '\n6 errors, 9 warnings: training would fail\nnext: mend the errors, then dssn check --config ',
    ])
      expect(stdout).toContain(part);
    expect(stdout.lastIndexOf('\nerror: ')).toBeLessThan(stdout.indexOf('\nwarning: '));
  });

  it('foretells what train says', async () => {
    const train = async (...more: string[]): Promise<string> => {
      const { code, stderr } = await dssn('train', '--config', bad.config, '--out', join(out, 'run'), '--json', ...settings(more));
      expect(code).toBe(1);
      return stderr;
    };
    expect(await train()).toMatch(/2 of 20 files are missing below \S+: images\/labeled0\.jpg, masks\/val0\.png/);
    copyFileSync(join(good.root, 'images/labeled0.jpg'), path('images/labeled0.jpg'));
    copyFileSync(join(good.root, 'masks/val0.png'), path('masks/val0.png'));
    expect(await train()).toMatch(/(masks\/labeled1\.png has 30 x 36|masks\/labeled2\.png: label 7|unlabeled0\.jpg: is damaged)/);
  });
});

describe('on lists', () => {
  const split = (name: string, labelled: string): string => {
    mkdirSync(join(good.root, 'splits', name));
    writeFileSync(join(good.root, 'splits', name, 'labeled.txt'), labelled);
    writeFileSync(join(good.root, 'splits', name, 'unlabeled.txt'), linesOf(namesOf('unlabeled'), false));
    return `data.split=${name}`;
  };
  const checked = (set: string, ...more: string[]): Promise<Ended> =>
    dssn('check', '--config', good.config, '--set', set, '--no-estimate', '--out', join(out, 'lists'), ...more);

  it('shows twenty lines of a kind and counts the others, which the report holds', async () => {
    const nowhere = Array.from({ length: 30 }, (_, k) => `nowhere/${k}.jpg masks/labeled0.png\n`).join('');
    const { code, stdout } = await checked(split('nowhere', nowhere));
    expect(code).toBe(2);
    const lines = stdout.split('\n');
    const first = lines.indexOf('error: 30 files are missing');
    expect(lines.slice(first + 1, first + 21).every((line) => /^ {2}\S+\/nowhere\/\d+\.jpg: cannot/.test(line))).toBe(true);
    expect(lines[first + 21]).toBe(`  and 10 more (all in ${join(out, 'lists/check.json')})`);
    const report = JSON.parse(readFileSync(join(out, 'lists/check.json'), 'utf8')) as CheckResult;
    expect(report.problems.map(({ kind }) => kind)).toEqual(new Array(30).fill('missing'));
    expect(report.picture).toBe(null);
  });

  it('ends with 2 where one is malformed, not there, or a device is not', async () => {
    const result = resultOf(await checked(split('three', 'a.jpg b.png c\n'), '--set', 'device=cuda:99', '--json'), 2);
    expect(result.problems).toEqual([
      { level: 'error', kind: 'settings', text: expect.stringContaining('device: cuda:99 is not there') },
      { level: 'error', kind: 'list', text: expect.stringMatching(/splits\/three\/labeled\.txt:1: 3 words, allowed/) },
    ]);
    const { code, stdout } = await checked('data.split=fewer');
    expect(code).toBe(2);
    expect(stdout).toContain("error: data.split 'fewer' was not found: ");
  });

  it('tells all that is wrong with them, and what is wrong with the files of those lines that can be read', async () => {
    const lines = [...linesOf(namesOf('labeled')).trimEnd().split('\n'), 'images/nowhere.jpg masks/nowhere.png', 'a.jpg b.png c', 'd.jpg'];
    const result = resultOf(await checked(split('faults', `${lines.join('\n')}\n`), '--json'), 2);
    expect(result.problems.map(({ kind, text }) => [kind, text])).toEqual([
      ['list', expect.stringMatching(/labeled\.txt:8: 3 words/)],
      ['list', expect.stringMatching(/labeled\.txt: d\.jpg has no mask/)],
      ['missing', expect.stringContaining('images/nowhere.jpg')],
      ['missing', expect.stringContaining('masks/nowhere.png')],
    ]);
    expect(result.lists).toEqual({ labelled: 7, unlabelled: 8, val: 4 });
    expect(result.classes.every(({ labelled }) => labelled.images === 6)).toBe(true);
  });

  it('ends with 2 for a configuration that is wrong, as every command', async () => {
    const { code, stdout, stderr } = await checked('data.crop=3');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('unknown key data.crop');
  });
});

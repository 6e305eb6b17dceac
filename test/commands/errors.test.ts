import { createHash } from 'node:crypto';
import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Of } from '../../src/formats/files.ts';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors.ts';
import { DeepLabV3Plus } from '../../src/models/index.ts';
import { saveNetwork } from '../../src/train/weights.ts';
import { dssn } from './command.ts';
import { classes, linesOf, namesOf, type Photographs, palette, writeLabels, writePhotographs } from './pictures.ts';

let set: Photographs;
let root: string;
/** A finished run. */
let run: string;
/** A file of weights of the same backbone for four classes. */
let fourClasses: string;

const data = {
  classes: [...classes, 'fourth'],
  palette: [...palette, [1, 2, 3] as const],
  longSide: null,
  mode: 'original',
  cropSize: 33,
} as const;

beforeAll(async () => {
  set = await writePhotographs();
  root = set.root;
  run = join(root, 'run');
  const { code } = await dssn('train', '--config', set.config, '--out', run, '--set', 'train.iterations=1');
  expect(code).toBe(0);
  fourClasses = join(root, 'four.safetensors');
  saveNetwork(fourClasses, new DeepLabV3Plus({ backbone: 'resnet18', classes: 4 }), data);
});
afterAll(() => rmSync(root, { recursive: true }));

/** The files of a folder, and a hash of each. */
function contentsOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(folder, name)).isFile());
  return Object.fromEntries(
    names.sort().map((name) => [
      name,
      createHash('md5')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  );
}

/** Runs a command that must fail, with one error, no stack and no result. @returns the error. */
async function failure(args: readonly string[], code: number): Promise<string> {
  const ended = await dssn(...args);
  expect([ended.code, ended.stdout], ended.stderr).toEqual([code, '']);
  expect(ended.stderr.match(/^error: /gm), ended.stderr).toHaveLength(1);
  expect(ended.stderr).not.toMatch(/^\s+at |DSSN_DEBUG/m);
  return ended.stderr.slice(ended.stderr.indexOf('error: ')).trimEnd();
}

/** A split whose labelled list is `labelled`; its name. */
function splitOf(labelled: string): string {
  const name = `bad${readdirSync(join(root, 'splits')).length}`;
  mkdirSync(join(root, 'splits', name));
  writeFileSync(join(root, 'splits', name, 'labeled.txt'), labelled);
  cpSync(join(root, 'splits/few/unlabeled.txt'), join(root, 'splits', name, 'unlabeled.txt'));
  return `data.split=${name}`;
}

/** A pair after five good ones. */
const withPair = (line: string): string => splitOf(linesOf(namesOf('labeled').slice(0, 5)) + line);
const copyTo = (from: string, to: string, bytes?: number): void =>
  writeFileSync(join(root, to), readFileSync(join(root, from)).subarray(0, bytes));

describe('training on bad input', () => {
  it.each<[what: string, code: number, message: RegExp, settings: () => string[]]>([
    [
      'a missing image',
      1,
      /1 of 20 files are missing below \S+: images\/nowhere\.jpg$/,
      () => [withPair('images/nowhere.jpg masks/val0.png\n')],
    ],
    [
      'a truncated JPEG',
      1,
      /\/images\/cut\.jpg: .*(cut short|damaged|truncated|premature)/i,
      () => {
        copyTo('images/labeled0.jpg', 'images/cut.jpg', 700);
        return [splitOf('images/cut.jpg masks/labeled0.png\n')];
      },
    ],
    [
      'a mask of another size than its image',
      1,
      /\/masks\/narrow\.png has 30 x 36 pixels, its image \S+\/images\/labeled5\.jpg has \d+ x \d+; both must have the same size$/,
      () => {
        writeLabels(join(root, 'masks/narrow.png'), 30, 36, new Uint8Array(30 * 36));
        return [splitOf('images/labeled5.jpg masks/narrow.png\n')];
      },
    ],
    [
      'a label that is no class',
      1,
      /\/masks\/seven\.png: label 7 \(row 1, column 2\) is not allowed; allowed: 0\.\.2, 255; data\.label_map can map others, 255 = ignore$/,
      () => {
        copyTo('images/labeled0.jpg', 'images/seven.jpg');
        writeLabels(join(root, 'masks/seven.png'), 48, 36, new Uint8Array(48 * 36).fill(7, 50, 51));
        return [splitOf('images/seven.jpg masks/seven.png\n')];
      },
    ],
    [
      'a burn-in with fewer labelled images than its batch',
      2,
      /train\.burn_in learns from labelled images alone: train\.batch_size: 3 labelled and 0 unlabelled images are too few for one batch of 4; .*or set train\.burn_in to 0$/,
      () => [splitOf(linesOf(namesOf('labeled').slice(0, 3))), 'train.burn_in=0.5'],
    ],
    [
      'fewer classes than the label maps hold',
      1,
      /\/masks\/\w+\.png: label 2 \(row \d+, column \d+\) is not allowed; allowed: 0\.\.1, 255; /,
      () => ['data.classes=[ground, sky]', 'data.palette=null'],
    ],
    [
      'fewer classes than colours',
      2,
      /data\.palette: 3 colours for the 2 classes of data\.classes; allowed: one colour a class$/,
      () => ['data.classes=[a, b]'],
    ],
    [
      'a list line with three words',
      1,
      /\/splits\/bad\d+\/labeled\.txt:6: 3 words, allowed: an image and a mask; where a path holds a space, separate the two by a tab$/,
      () => [withPair('images/labeled5.jpg masks/labeled5.png 1\n')],
    ],
    ['an empty list', 1, /\/splits\/bad\d+\/labeled\.txt: the list is empty; allowed: /, () => [splitOf('\n')]],
    [
      'a split that is not there',
      1,
      /data\.split 'few2' was not found: looked for \S+\/splits\/few2\/labeled\.txt and .* did you mean 'few'\?/,
      () => ['data.split=few2'],
    ],
    ['an unknown key', 2, /--set train\.lrr=1: unknown key train\.lrr; did you mean train\.lr\?$/, () => ['train.lrr=1']],
    [
      'a batch larger than the lists',
      2,
      /train\.batch_size: 6 labelled and 8 unlabelled images are too few for one batch of 9; set train\.batch_size to at most 8/,
      () => ['train.batch_size=9'],
    ],
    ['a device that is not there', 2, /device: cuda:99 is not there; allowed here: auto, cpu/, () => ['device=cuda:99']],
    [
      'a missing file of pretrained weights',
      1,
      /pretrained: \/nowhere\.pth is not there; such files come from/,
      () => ['pretrained=/nowhere.pth'],
    ],
    [
      'pretrained weights of another backbone',
      1,
      /\/run\/best\/student\.safetensors does not fit this network: \d+ missing: layer1\.2\./,
      () => [`pretrained=${run}/best/student.safetensors`, 'model.backbone=resnet34'],
    ],
    ['a picture for pretrained weights', 1, /\/images\/val0\.jpg: .*safetensors/, () => [`pretrained=${root}/images/val0.jpg`]],
  ])('%s: ends with %i', async (what, code, message, settings) => {
    const begins = /batch|device|pretrained/;
    const out = join(root, 'runs', what);
    const sets = settings().flatMap((setting) => ['--set', setting]);
    expect(await failure(['train', '--config', set.config, '--out', out, '--json', ...sets], code)).toMatch(message);
    // What cannot begin leaves no run behind.
    if (begins.test(what)) expect(existsSync(out)).toBe(false);
  });

  it('keeps what was learnt when a file turns out to be damaged on the way, and goes on once it is mended', async () => {
    const out = join(root, 'runs', 'mended');
    const mask = join(root, 'masks/val3.png');
    const good = readFileSync(mask);
    // It is read at the evaluation after the second iteration.
    writeFileSync(mask, good.subarray(0, 60));
    const args = ['train', '--config', set.config, '--out', out, '--json', '--set', 'train.eval_every=2'];
    expect(await failure(args, 1)).toMatch(/\/masks\/val3\.png: is damaged or cut short/);
    writeFileSync(mask, good);
    const { code, stdout } = await dssn(...args, '--resume');
    expect([code, JSON.parse(stdout).iterations]).toEqual([0, 4]);
    const { sessions } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
    expect(sessions.map((session: { from: number; status: string }) => [session.from, session.status])).toEqual([
      [0, 'failed'],
      [2, 'finished'],
    ]);
  });
});

/** A copy of the run in which `latest/student.safetensors` is another file; weights are linked, not copied. */
function runWith(name: string, file: string, honest: boolean): string {
  const copy = join(root, 'runs', name);
  for (const part of Object.keys(contentsOf(run))) {
    mkdirSync(dirname(join(copy, part)), { recursive: true });
    if (part === 'latest/student.safetensors') cpSync(file, join(copy, part));
    else if (part.endsWith('.safetensors')) linkSync(join(run, part), join(copy, part));
    else cpSync(join(run, part), join(copy, part));
  }
  const edit = (
    part: string,
    change: (json: { files: Record<string, number>; sha256: Record<string, string>; status: string }) => void,
  ): void => {
    const json = JSON.parse(readFileSync(join(copy, part), 'utf8'));
    change(json);
    writeFileSync(join(copy, part), JSON.stringify(json));
  };
  edit('manifest.json', (manifest) => {
    manifest.status = 'interrupted';
  });
  if (honest)
    edit('latest/checkpoint.json', ({ files, sha256 }) => {
      files['student.safetensors'] = statSync(file).size;
      sha256['student.safetensors'] = sha256Of(file);
    });
  return copy;
}

describe('a checkpoint of another network', () => {
  it.each([
    [
      'is refused by --resume',
      true,
      /\/latest\/student\.safetensors does not fit this network: 2 of another shape: classifier\.weight \(file \[4, 256, 1, 1\], network \[3, 256, 1, 1\]\)/,
    ],
    [
      'or a damaged one does not make --resume start anew',
      false,
      /\/latest: is damaged: a file is missing, or not of the size that its checkpoint\.json says/,
    ],
  ])('%s, and nothing of the run is lost', async (name, honest, message) => {
    const copy = runWith(name, fourClasses, honest);
    const weights = (): object =>
      Object.fromEntries(['latest', 'best', 'teacher-best'].map((kind) => [kind, contentsOf(join(copy, kind))]));
    const before = weights();
    const args = ['train', '--config', set.config, '--out', copy, '--resume', '--json', '--set', 'train.iterations=1'];
    expect(await failure(args, 1)).toMatch(message);
    expect(weights()).toEqual(before);
  });

  it('is refused by evaluate: other classes, no network, other tensors than it says', async () => {
    const before = contentsOf(run);
    const evaluate = (file: string): Promise<string> => failure(['evaluate', '--run', run, '--weights', file, '--json'], 1);
    expect(await evaluate(fourClasses)).toMatch(
      /\/four\.safetensors knows 4 classes \(ground, sky, block, fourth\), the data of \S+\/run have 3 \(ground, sky, block\)/,
    );
    const { tensors, metadata } = readSafetensors(fourClasses);
    const lying = join(root, 'lying.safetensors');
    writeSafetensors(lying, tensors, {
      ...metadata,
      model: JSON.stringify({ backbone: 'resnet18', classes: 3 }),
      data: JSON.stringify({ ...data, classes }),
    });
    expect(await evaluate(lying)).toMatch(/\/lying\.safetensors does not fit this network: 2 of another shape: classifier\.weight/);
    copyTo('four.safetensors', 'cut.safetensors', 5000);
    expect(await evaluate(join(root, 'cut.safetensors'))).toMatch(/\/cut\.safetensors: /);
    expect(contentsOf(run)).toEqual(before);
  });
});

it('a folder below a file cannot be made, and that is said', async () => {
  const { code, stderr } = await dssn('train', '--config', set.config, '--out', join(set.config, 'run'));
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/few\.yaml\/run: cannot be written \(ENOTDIR: .*\): a file stands where a folder should/),
  ]);
});

it('evaluation on a device that is not there ends with 2', async () => {
  expect(await failure(['evaluate', '--run', run, '--device', 'cuda:99', '--json'], 2)).toMatch(
    /device: cuda:99 is not there; allowed here: auto, cpu/,
  );
});

describe('prediction of bad input', () => {
  it.each<[what: string, code: number, message: RegExp, args: () => string[]]>([
    [
      'weights that are no network',
      1,
      /\/latest\/optimiser\.safetensors: its metadata say nothing of 'model'/,
      () => ['--checkpoint', `${run}/latest/optimiser.safetensors`, `${root}/images/val0.jpg`],
    ],
    [
      'a run that is none',
      1,
      /\/images: not a run folder: it holds no config\.json$/,
      () => ['--run', `${root}/images`, `${root}/images/val0.jpg`],
    ],
    ['an image that is none', 1, /\/few\.yaml: /, () => ['--run', run, set.config]],
    ['an image that is not there', 1, /\/images\/val9\.jpg: no such image or folder$/, () => ['--run', run, `${root}/images/val9.jpg`]],
    [
      'a device that is not there',
      2,
      /device: cuda:99 is not there; allowed here: auto, cpu/,
      () => ['--run', run, '--device', 'cuda:99', `${root}/images/val0.jpg`],
    ],
    [
      'an output over an input',
      2,
      /\/masks\/val0\.png is an image to be read and would be written over: give another --out$/,
      () => ['--run', run, `${root}/masks/val0.png`],
    ],
  ])('%s: ends with %i', async (_, code, message, args) => {
    expect(await failure(['predict', '--out', join(root, 'masks'), '--json', ...args()], code)).toMatch(message);
  });
});

/** Checkpoints of PyTorch through the commands: convert, evaluate, predict, pretrained weights. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { readWeightsFile, writePthFile } from '../../src/formats/weights-file.ts';
import { DeepLabV3Plus } from '../../src/models/index.ts';
import { RunFolder } from '../../src/runs/folder.ts';
import { settle } from '../../src/tasks/settle.ts';
import { train } from '../../src/tasks/train.ts';
import type { Reporter } from '../../src/tasks/types.ts';
import { scope } from '../../src/torch/index.ts';
import { arraysOf } from '../../src/train/weights.ts';
import { goldenFolder } from '../support/golden.ts';
import { dssn } from './command.ts';
import { classes, type Photographs, writePhotographs } from './pictures.ts';

let set: Photographs;
let root: string;
let run: string;
/** The run's last student, and the same as a .pth. */
let student: string;
let checkpoint: string;
beforeAll(async () => {
  set = await writePhotographs();
  root = set.root;
  run = join(root, 'run');
  student = join(run, 'latest/student.safetensors');
  checkpoint = join(root, 'student.pth');
  expect((await dssn('train', '--config', set.config, '--out', run, '--set', 'train.iterations=1')).code).toBe(0);
  expect((await dssn('convert', student, checkpoint)).code).toBe(0);
});
afterAll(() => rmSync(root, { recursive: true }));

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await dssn(...args, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** The arrays of a file, their bytes as a hash. */
const contentsOf = (file: string): Map<string, string> =>
  new Map(
    [...readWeightsFile(file).tensors].map(([name, { dtype, shape, data }]) => [
      name,
      `${dtype} ${shape.join()} ${createHash('md5').update(data).digest('hex')}`,
    ]),
  );

/** Runs a command that must fail with one error. */
async function failure(code: number, ...args: string[]): Promise<string> {
  const ended = await dssn(...args);
  expect([ended.code, ended.stdout], ended.stderr).toEqual([code, '']);
  expect(ended.stderr).not.toMatch(/^\s+at |DSSN_DEBUG/m);
  return ended.stderr;
}

describe('convert', () => {
  it('keeps names, types and values both ways, and says what it left out', async () => {
    const back = join(root, 'back.safetensors');
    const count = readSafetensors(student).tensors.size;
    expect(await json('convert', checkpoint, back)).toEqual({
      ...{ input: checkpoint, output: back, format: 'safetensors', entry: null, tensors: count, left_out: {} },
    });
    expect(contentsOf(back)).toEqual(contentsOf(student));
    const again = await json('convert', student, checkpoint, '--force');
    expect(again).toMatchObject({ format: 'pth', entry: null, tensors: count, left_out: { format: null, model: null, data: null } });
  });

  it("takes the network's weights of a whole checkpoint", async () => {
    const input = join(goldenFolder, 'pth/checkpoint.pth');
    const output = join(root, 'golden.safetensors');
    const { code, stdout } = await dssn('convert', input, output);
    expect(code).toBe(0);
    expect(stdout).toBe(`${output}: 11 tensors, entry 'model' of ${input}\nleft out: optimizer, epoch = 12, previous_best = 71.25\n`);
    expect(contentsOf(output)).toEqual(contentsOf(input));
  });

  it('refuses to replace, to convert to the same, to an unknown format, and hostile files; leaves nothing behind', async () => {
    const before = readdirSync(root).sort();
    expect(await failure(2, 'convert', student, checkpoint)).toMatch(/student\.pth: is there already; add --force/);
    expect(await failure(2, 'convert', student, join(root, 'same.safetensors'))).toMatch(
      /is a \.safetensors already; allowed: an output that ends in \.pth/,
    );
    expect(await failure(2, 'convert', checkpoint, join(root, 'same.pth'))).toMatch(/is a \.pth already/);
    expect(await failure(2, 'convert', checkpoint, join(root, 'x.onnx'))).toMatch(/x\.onnx: its ending.*allowed: \.pth, \.safetensors/);
    expect(await failure(1, 'convert', join(goldenFolder, 'pth/hostile.zip.pth'), join(root, 'x.safetensors'))).toMatch(
      /names posix\.system/,
    );
    expect(await failure(1, 'convert', set.config, join(root, 'x.pth'))).toMatch(/few\.yaml: /);
    expect(readdirSync(root).sort()).toEqual(before);
  });
});

describe('a checkpoint by itself', () => {
  it('is evaluated on the data of a configuration, as its run is', async () => {
    const ofRun = await json('evaluate', '--run', run, '--weights', 'latest');
    expect(await json('evaluate', '--checkpoint', checkpoint, '--config', set.config)).toEqual({ ...ofRun, weights: checkpoint });
    expect(await json('evaluate', '--checkpoint', student, '--config', set.config)).toEqual({ ...ofRun, weights: student });
    expect(await json('evaluate', '--run', run, '--weights', checkpoint)).toEqual({ ...ofRun, weights: checkpoint });
  });

  it('predicts with the classes of a configuration, as its run does', async () => {
    const image = join(root, 'images/val0.jpg');
    const masks = await Promise.all(
      [
        ['--run', run, '--weights', 'latest'],
        ['--checkpoint', checkpoint, '--config', set.config],
        ['--run', run, '--weights', checkpoint],
      ].map(async (source, k) => {
        const { mask } = await json('predict', ...source, '--out', join(root, `predicted${k}`), image);
        return readFileSync(String(mask));
      }),
    );
    expect(masks[1]!.equals(masks[0]!) && masks[2]!.equals(masks[0]!)).toBe(true);
  });

  it('is refused where the configuration says otherwise, all of it at once', async () => {
    const settings = [
      'model.backbone=resnet34',
      'model.stem=standard',
      'model.decoder_channels=64',
      `data.classes=[${classes[0]}]`,
      'data.palette=null',
    ];
    const args = ['--checkpoint', checkpoint, '--config', set.config, ...settings.flatMap((setting) => ['--set', setting])];
    const message =
      /student\.pth is of another network than the configuration says: model\.backbone is resnet34, the file's is resnet18; model\.stem is standard, the file's is deep; model\.decoder_channels is 64, the file's is 256; number of classes is 1, the file's is 3; allowed/;
    expect(await failure(1, 'evaluate', ...args)).toMatch(message);
    expect(await failure(1, 'predict', '--out', join(root, 'none'), ...args, join(root, 'images/val0.jpg'))).toMatch(message);
    const four = join(root, 'four.pth');
    using _ = scope();
    writePthFile(four, arraysOf(new DeepLabV3Plus({ backbone: 'resnet10', classes: 4 }).stateDict()));
    expect(await failure(1, 'evaluate', '--run', run, '--weights', four)).toMatch(/four\.pth knows 4 classes, the data of \S+ have 3/);
  });

  it('is refused without a configuration, or with one that nothing reads', async () => {
    expect(await failure(2, 'evaluate', '--checkpoint', checkpoint)).toMatch(/--checkpoint needs --config/);
    expect(await failure(2, 'evaluate')).toMatch(/exactly one of --run and --checkpoint must be given; neither is/);
    expect(await failure(2, 'evaluate', '--run', run, '--config', set.config)).toMatch(/--config goes with --checkpoint/);
    expect(await failure(2, 'evaluate', '--checkpoint', join(root, 'no.pth'), '--config', set.config)).toMatch(/no\.pth is not there/);
    const predict = ['predict', '--out', join(root, 'none'), join(root, 'images/val0.jpg')];
    expect(await failure(1, ...predict, '--checkpoint', checkpoint)).toMatch(
      /student\.pth: its metadata say nothing of 'model'.*with --config FILE/,
    );
    expect(await failure(2, ...predict, '--checkpoint', checkpoint, '--set', 'seed=1')).toMatch(/--set overrides keys of --config/);
  });
});

describe('pretrained weights', () => {
  /** Ends the training after its first step. */
  const untilFirst = (controller: AbortController): Reporter => ({
    start: () => undefined,
    update: ({ iteration }) => {
      if (iteration === 1) controller.abort(new Error('enough'));
    },
    end: () => undefined,
    note: () => undefined,
    warning: () => undefined,
    table: () => undefined,
  });

  it('of a .pth decide the stem, are named in the run, and are not needed to go on', async () => {
    mkdirSync(join(root, 'pretrained'));
    const file = join(root, 'pretrained/resnet10.pth');
    {
      using _ = scope();
      const network = new DeepLabV3Plus({ backbone: 'resnet10', stem: 'standard', classes: 1 }).initialise(9);
      writePthFile(file, arraysOf(network.backbone.stateDict()));
    }
    const config = loadConfig(set.config, [
      'model.backbone=resnet10',
      'pretrained=auto',
      'train.iterations=2',
      'train.eval_every=2',
      'train.lr=1.0e-9',
    ]);
    const out = join(root, 'pretrained-run');
    const controller = new AbortController();
    const options = { config, out, command: [], signal: controller.signal, reporter: untilFirst(controller) };
    expect(await train({ ...options, resume: true })).toMatchObject({ status: 'interrupted', iterations: 1 });
    expect(RunFolder.open(out).config).toMatchObject({ pretrained: file, model: { stem: 'standard' } });
    const { tensors, metadata } = readSafetensors(join(out, 'latest/student.safetensors'));
    expect(JSON.parse(metadata.model!)).toMatchObject({ backbone: 'resnet10', stem: 'standard' });
    const [given, learnt] = [
      readWeightsFile(file).tensors.get('layer1.0.conv1.weight')!,
      tensors.get('backbone.layer1.0.conv1.weight')!,
    ].map(({ data }) => new Float32Array(data.buffer, data.byteOffset, data.length / 4));
    // A step at a rate of 1e-9 leaves them what they were, but for rounding.
    for (const [k, value] of given!.entries()) expect(Math.abs(learnt![k]! - value)).toBeLessThan(1e-5);

    const warnings: string[] = [];
    const unused = loadConfig(set.config, ['model.backbone=resnet10', 'train.iterations=1', 'train.eval_every=1']);
    const reporter = { ...untilFirst(new AbortController()), warning: (text: string) => void warnings.push(text) };
    await train({ config: unused, out: join(root, 'from-seed'), command: [], reporter, resume: false });
    expect(warnings).toEqual([
      expect.stringMatching(/\/pretrained\/resnet10\.pth is not used, since pretrained is null.*pretrained=auto takes it$/),
    ]);

    rmSync(file);
    const goOn = { ...options, signal: new AbortController().signal, reporter: untilFirst(new AbortController()) };
    expect(await train({ ...goOn, resume: true })).toMatchObject({ status: 'finished', iterations: 2 });
    expect(RunFolder.open(out).config).toMatchObject({ pretrained: file, model: { stem: 'standard' } });
  });

  it('that are not there end a run before it begins; without any the stem is the published one', async () => {
    const args = ['train', '--config', set.config, '--out', join(root, 'no-run')];
    const auto = await failure(1, ...args, '--set', 'pretrained=auto');
    expect(auto).toMatch(
      /pretrained: auto found no weights of resnet18; looked for \S+\/pretrained\/resnet18\.pth.*such files come from torchvision/,
    );
    writeFileSync(join(root, 'text.pth'), 'not a checkpoint');
    expect(await failure(1, ...args, '--set', `pretrained=${root}/text.pth`)).toMatch(/text\.pth: not a usable/);
    expect(readdirSync(root)).not.toContain('no-run');
    const settled = settle(loadConfig(set.config), join(root, 'no-run'), true);
    expect([settled.pretrained, settled.model.stem]).toEqual([null, 'deep']);
    expect(settle(loadConfig(set.config, ['model.stem=standard']), join(root, 'no-run'), false).model.stem).toBe('standard');
    expect(RunFolder.open(run).config.model.stem).toBe('deep');
  });
});

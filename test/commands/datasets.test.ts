/**
 * The configurations of the published datasets, each on a small tree of that dataset: unchanged but for what a small machine needs.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { datasetNamed } from '../../src/data/catalog/index.ts';
import { loadSplit } from '../../src/data/lists.ts';
import type { EvalEvent, TrainEvent } from '../../src/runs/events.ts';
import { RunFolder } from '../../src/runs/folder.ts';
import { writeCityscapes, writeCoco, writePascal } from '../support/dataset-trees.ts';
import { dssn, projectRoot } from './command.ts';

const root = mkdtempSync(join(tmpdir(), 'dssn-datasets-'));
afterAll(() => rmSync(root, { recursive: true }));

const configOf = (name: string): string => join(projectRoot, 'configs', `${name}.yaml`);
/** Two cores, seconds. The backbone also takes the place of COCO's Xception. */
const small = [
  ...['train.iterations=2', 'data.crop_size=33', 'model.backbone=resnet10', 'model.decoder_channels=64'],
  ...['threads=1', 'data.workers=1', 'device=cpu'],
];
/** For a machine that is busy with other things: each test takes seconds of its own. */
const patience = 300_000;

/** Trains on the tree below `root/tree` into `root/run-tree`. */
async function train(name: string, tree: string, ...more: string[]): Promise<{ run: string; stderr: string }> {
  const run = join(root, `run-${tree}`);
  const sets = [`data.root=${join(root, tree)}`, ...small, ...more].flatMap((setting) => ['--set', setting]);
  const { code, stdout, stderr } = await dssn('train', '--config', configOf(name), '--out', run, '--json', ...sets);
  expect([code, stdout.split('\n').length], stderr).toEqual([0, 2]);
  expect(JSON.parse(stdout)).toMatchObject({ status: 'finished', iterations: 2 });
  return { run, stderr };
}

const evaluate = async (...args: string[]) => {
  const { code, stdout, stderr } = await dssn('evaluate', ...args, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as { miou: number; miou_present: number; iou: Record<string, number>; images: number; mode: string };
};

const losses = (run: string) =>
  RunFolder.open(run)
    .events()
    .filter((event): event is TrainEvent & { time: string } => event.type === 'train')
    .map((event) => event.losses);

/** What every run has to show: scores of its classes, as `dssn evaluate` gives them, and what \`auto\` came to. */
async function checkRun(run: string, name: string, present: number): Promise<void> {
  const dataset = datasetNamed(name);
  const folder = RunFolder.open(run);
  const written = loadConfig(configOf(name), [`data.root=${folder.config.data.root}`, ...small]);
  expect(folder.config).toEqual({
    ...written,
    model: { ...written.model, stem: 'deep' },
    eval: { mode: dataset.evalMode, tta: false },
  });
  const { student } = folder.events().findLast((event) => event.type === 'eval') as EvalEvent;
  expect(Object.keys(student.iou)).toEqual(dataset.classes);
  const { miou, miou_present: ofPresent, iou, images, mode } = await evaluate('--run', run, '--weights', 'latest');
  expect({ miou, miou_present: ofPresent, iou }).toEqual(student);
  expect([images, mode]).toEqual([2, dataset.evalMode]);
  const sum = Object.values(iou).reduce((a, b) => a + b, 0);
  expect(miou).toBeCloseTo(sum / dataset.classes.length, 9);
  // The second mean is over fewer classes: those of the label maps, and what else was predicted.
  if (sum === 0) {
    expect(ofPresent).toBe(0);
    return;
  }
  const classes = sum / ofPresent;
  expect(classes).toBeCloseTo(Math.round(classes), 6);
  expect(Math.round(classes)).toBeGreaterThanOrEqual(present);
}

describe('configurations of published datasets', { timeout: patience }, () => {
  it('pascal.yaml', async () => {
    await writePascal(join(root, 'pascal'));
    const { run, stderr } = await train('pascal', 'pascal');
    expect(stderr).not.toMatch(/label maps are read from/);
    await checkRun(run, 'pascal', 4);
    expect(RunFolder.open(run).manifest?.lists.map(({ name, images }) => [name, images])).toEqual([
      ['labelled', 2],
      ['unlabelled', 4],
      ['val', 2],
    ]);
    const { stdout } = await dssn('evaluate', '--run', run, '--weights', 'latest');
    expect(stdout).toMatch(
      /^tv monitor +\d+\.\d\d\nmIoU, every class +\d+\.\d\d\nmIoU, classes present +\d+\.\d\d\n\n2 images, original, /m,
    );

    // Published images are read as they are stored, whatever a camera noted, by a list of one's own as by the split's.
    const list = join(root, 'pascal/splits/val.txt');
    for (const image of readFileSync(list, 'utf8').match(/\S+\.jpg/g)!) {
      const file = join(root, 'pascal', image);
      writeFileSync(file, await sharp(file).withMetadata({ orientation: 3 }).jpeg({ quality: 92 }).toBuffer());
    }
    const [bySplit, byList] = [await evaluate('--run', run), await evaluate('--run', run, '--list', list)];
    expect(byList).toEqual(bySplit);
  });

  it('cityscapes.yaml, to the same numbers by train ids and by label ids', async () => {
    writeCityscapes(join(root, 'trainIds'), () => ['trainIds', 'labelIds']);
    writeCityscapes(join(root, 'labelIds'), () => ['labelIds']);
    const [byTrainIds, byLabelIds] = [await train('cityscapes', 'trainIds'), await train('cityscapes', 'labelIds')];
    expect(byTrainIds.stderr).not.toMatch(/label maps are read from/);
    expect(byLabelIds.stderr.match(/^4 of 4 label maps are read from files \*_labelIds\.png, since \*_labelTrainIds\.png/gm)).toHaveLength(
      1,
    );
    expect(losses(byLabelIds.run)).toEqual(losses(byTrainIds.run));
    expect(losses(byLabelIds.run)).toHaveLength(2);
    // A warm-up of five epochs: the strong views are looked at, and not yet learnt from.
    const { loss, loss_x, loss_fp1, loss_fp2, loss_con_img, loss_con_feat } = losses(byLabelIds.run)[1]!;
    expect(loss).toBeCloseTo(0.5 * (loss_x! + 0.25 * (loss_fp1! + loss_fp2!) + 0.01 * (loss_con_img! + loss_con_feat!)), 5);
    await checkRun(byTrainIds.run, 'cityscapes', 4);
    const evaluations = [byTrainIds, byLabelIds].map(({ run }) => {
      const { student, teacher } = RunFolder.open(run)
        .events()
        .findLast((event) => event.type === 'eval') as EvalEvent;
      return { student, teacher };
    });
    expect(evaluations[0]).toEqual(evaluations[1]);
    // Another list, and another mode than the dataset's.
    const data = ['--data', join(root, 'labelIds'), '--list', join(root, 'labelIds/splits/train.txt')];
    expect(await evaluate('--run', byTrainIds.run, ...data, '--mode', 'center_crop')).toMatchObject({ images: 6, mode: 'center_crop' });
  });

  it('coco.yaml, with the unlabelled images of a folder', async () => {
    const tree = join(root, 'coco');
    await writeCoco(tree);
    const { run } = await train('coco', 'coco');
    await checkRun(run, 'coco', 5);
    const { unlabelled } = loadSplit(datasetNamed('coco'), tree, '1_512');
    const list = unlabelled.map(({ image }) => `${image}\n`).join('');
    expect(RunFolder.open(run).manifest?.lists[1]).toEqual({
      name: 'unlabelled',
      file: join(tree, 'train2017'),
      images: 4,
      sha256: createHash('sha256').update(list).digest('hex'),
    });
  });
});

describe('runs of earlier versions', { timeout: patience }, () => {
  it('are evaluated and gone on with: a mode by name, OHEM by batch', async () => {
    await writePascal(join(root, 'earlier'));
    const { run } = await train('pascal', 'earlier');
    const change = (file: string, from: string, to: string): void => {
      const text = readFileSync(join(run, file), 'utf8');
      expect(text).toContain(from);
      writeFileSync(join(run, file), text.replace(from, to));
    };
    change('config.json', '"ohem_min_kept_per_image": 100000', '"ohem_min_kept": 200000');
    change('config.json', '"mode": "original"', '"mode": "center_crop"');
    change('manifest.json', '"finished"', '"interrupted"');
    expect(await evaluate('--run', run)).toMatchObject({ images: 2 });
    const again = (...more: string[]) => {
      const sets = [`data.root=${join(root, 'earlier')}`, ...small, ...more].flatMap((setting) => ['--set', setting]);
      return dssn('train', '--config', configOf('pascal'), '--out', run, '--resume', ...sets);
    };
    const other = await again();
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringMatching(/ {2}eval\.mode: "center_crop" in the run, "original" now\nallow it with --allow-config-change eval\.mode, /),
    ]);
    expect((await again('eval.mode=center_crop')).code).toBe(0);
  });
});

/** The quickstart's whole story at a small scale: draws, trains both methods, compares, writes pictures and the report. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { datasetNamed } from '../../src/data/catalog/index.ts';
import { isOfSunnySummer } from '../../src/data/catalog/shapes/scene.ts';
import { decodeImage } from '../../src/data/decode/image.ts';
import { RunFolder } from '../../src/runs/folder.ts';
import { quickstart } from '../../src/tasks/quickstart.ts';
import type { Cell, Reporter } from '../../src/tasks/types.ts';

const out = mkdtempSync(join(tmpdir(), 'dssn-quickstart-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

const tables: (readonly (readonly Cell[])[])[] = [];
const notes: string[] = [];
const reporter: Reporter = {
  start: () => {},
  update: () => {},
  end: () => {},
  note: (text) => notes.push(text),
  warning: (text) => notes.push(text),
  table: (_, rows) => tables.push(rows),
};
const set = [
  'train.iterations=4',
  'train.batch_size=1',
  'train.burn_in=0.25',
  'train.eval_every=2',
  'data.crop_size=33',
  'threads=1',
  'data.workers=0',
];
const scale = { labelled: 2, unlabelled: 30, validation: 2, size: { width: 48, height: 36 }, set };

describe('quickstart', () => {
  it('trains both methods alike, prints the table, writes pictures and a report that stands alone', async () => {
    const result = await quickstart({ out, seed: 5, reporter, command: ['quickstart'] }, scale);
    expect(result.status).toBe('finished');
    const { classes } = datasetNamed('shapes');

    const runs = { supervised: RunFolder.open(join(out, 'supervised')), dssn: RunFolder.open(join(out, 'dssn')) };
    const last = (run: RunFolder) => run.events().findLast((event) => event.type === 'eval')!;
    for (const [name, run] of Object.entries(runs)) {
      expect(run.config.method).toBe(name);
      expect(last(run).iteration).toBe(4);
    }
    // All but the method is shared.
    const { method: _m, ...supervised } = runs.supervised.config;
    const { method: _n, ...dssn } = runs.dssn.config;
    expect(dssn).toEqual(supervised);

    expect(result.supervised).toEqual((last(runs.supervised) as { student: unknown }).student);
    expect(result.dssn).toEqual((last(runs.dssn) as { teacher: unknown }).teacher);
    const [rows] = tables;
    expect(rows?.map(([name]) => name)).toEqual([...classes, 'mean']);
    expect(rows?.at(-1)?.slice(2)).toEqual([result.supervised!.miou, result.dssn!.miou, result.dssn!.miou - result.supervised!.miou]);

    const report = readFileSync(result.report, 'utf8');
    for (const name of classes) expect(report).toContain(name);
    expect(report).not.toMatch(/(src|href)="(?!data:)/);
    expect(report).toContain('What the pseudo-labels looked like');
    for (const iteration of [2, 3, 4]) expect(report).toContain(`iteration ${iteration}`);
    const sheet = await decodeImage(join(out, 'comparison.png'));
    expect(sheet.width).toBeGreaterThan(4 * 48);
    expect(notes.at(-1)).toMatch(/next: npx dssn predict --run .*dssn/);

    // Labelled are pictures of sunny summer days, and everybody is told so.
    const labelled = readFileSync(join(out, 'data', 'splits', 'quickstart', 'labeled.txt'), 'utf8')
      .trim()
      .split('\n');
    expect(labelled.map((line) => isOfSunnySummer(5, Number(/train-(\d+)/.exec(line)![1])))).toEqual([true, true]);
    for (const text of [notes.join(), report]) expect(text).toContain('the 2 pictures of sunny summer days that show the most classes');

    // Unlabelled pictures have no label map anywhere.
    const unlabelled = readFileSync(join(out, 'data', 'splits', 'quickstart', 'unlabeled.txt'), 'utf8')
      .trim()
      .split('\n');
    expect(unlabelled).toHaveLength(30);
    for (const image of unlabelled)
      expect(existsSync(join(out, 'data', image.replace('images/', 'masks/').replace('.jpg', '.png')))).toBe(false);
  });

  it('stops at a signal while it draws, without lists', async () => {
    const controller = new AbortController();
    controller.abort();
    const stopped = await quickstart({ out, seed: 5, reporter, command: ['quickstart'], signal: controller.signal }, scale);
    expect(stopped.status).toBe('interrupted');
    expect(existsSync(join(out, 'data', 'splits', 'val.txt'))).toBe(false);
  });

  it('stops at a signal while it trains, with what was learnt', async () => {
    const controller = new AbortController();
    const update: Reporter['update'] = ({ losses, iteration }) => {
      if (losses && iteration === 2) controller.abort();
    };
    const options = { out, seed: 5, reporter: { ...reporter, update }, command: ['quickstart'], signal: controller.signal };
    expect((await quickstart(options, scale)).status).toBe('interrupted');
    expect(RunFolder.open(join(out, 'supervised')).weights('latest')?.mark.iteration).toBe(2);
  });
});

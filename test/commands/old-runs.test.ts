/**
 * Runs that earlier versions wrote go on, and are read. test/runs/format-N is a run of each version of the format: DSSN,
 * stopped after three of five iterations on the photographs of these tests. Its weights were made equal within each
 * tensor, so that they take no room in the repository.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunFolder } from '../../src/runs/folder.ts';
import { RUN_FORMAT } from '../../src/runs/weights.ts';
import { dssn, projectRoot } from './command.ts';
import { type Photographs, writePhotographs } from './pictures.ts';

const kept = join(projectRoot, 'test/runs');

let set: Photographs;
let parent: string;
beforeAll(async () => {
  set = await writePhotographs();
  parent = mkdtempSync(join(tmpdir(), 'dssn-old-runs-'));
});
afterAll(() => {
  for (const folder of [set.root, parent]) rmSync(folder, { recursive: true });
});

/** Unpacks a run of this version. */
function unpack(format: number): string {
  const run = join(parent, String(format));
  cpSync(join(kept, `format-${format}`), run, { recursive: true });
  for (const kind of ['latest', 'best', 'teacher-best'])
    for (const name of readdirSync(join(run, kind)).filter((file) => file.endsWith('.br'))) {
      writeFileSync(join(run, kind, name.slice(0, -'.br'.length)), brotliDecompressSync(readFileSync(join(run, kind, name))));
      rmSync(join(run, kind, name));
    }
  return run;
}

describe('a run of an earlier version', () => {
  it('is kept here of every version of the format', () => {
    expect(readdirSync(kept)).toEqual(Array.from({ length: RUN_FORMAT }, (_, i) => `format-${i + 1}`));
  });

  it.each(readdirSync(kept).map((name) => Number(name.slice('format-'.length))))(
    'of format %i is evaluated, is listed, predicts, and goes on to its end',
    async (format) => {
      const run = unpack(format);
      const logged = RunFolder.open(run).events();
      const json = async (...args: string[]): Promise<Record<string, unknown>> => {
        const { code, stdout, stderr } = await dssn(...args, '--json');
        expect(code, stderr).toBe(0);
        return JSON.parse(stdout) as Record<string, unknown>;
      };
      const evaluated = await json('evaluate', '--run', run, '--data', set.root, '--list', join(set.root, 'splits/val.txt'));
      expect(evaluated).toMatchObject({ images: 4, mode: 'original', iou: { ground: expect.any(Number), sky: expect.any(Number) } });
      const { runs } = await json('runs', run);
      expect(runs).toMatchObject([{ method: 'dssn', seed: 3, status: 'interrupted', iterations: 3 }]);
      mkdirSync(join(parent, 'out'), { recursive: true });
      await json('predict', '--run', run, '--out', join(parent, 'out'), join(set.root, 'images/val0.jpg'));
      expect(readdirSync(join(parent, 'out'))).not.toEqual([]);
      const settings = ['iterations=5', 'eval_every=2'].map((setting) => `train.${setting}`);
      const model = ['model.backbone=resnet10', 'model.stem=standard', 'model.decoder_channels=8'];
      const resumed = await json(
        'train',
        '--config',
        set.config,
        '--out',
        run,
        '--resume',
        ...[...settings, ...model].flatMap((s) => ['--set', s]),
      );
      expect(resumed).toMatchObject({ status: 'finished', iterations: 5 });
      const events = RunFolder.open(run).events();
      expect(events.slice(0, logged.length - 1)).toEqual(logged.slice(0, -1));
      expect(events.filter(({ type }) => type === 'train').map(({ iteration }) => iteration)).toEqual([1, 2, 3, 4, 5]);
      expect(RunFolder.open(run).weights('latest')?.mark).toMatchObject({
        iteration: 5,
        sha256: { 'student.safetensors': expect.any(String) },
      });
    },
  );
});

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { VERSION } from '../../src/tasks/version.ts';
import { dssn, projectRoot } from './command.ts';
import { writePhotographs } from './pictures.ts';

it('bench step prints its fixed keys; a step leaves no tensor behind', async () => {
  const size = ['--backbone', 'resnet18', '--nclass', '3', '--crop', '33', '--batch', '1', '--threads', '1', '--device', 'cpu'];
  const set = ['--set', 'model.decoder_channels=8'];
  const { code, stdout } = await dssn('bench', 'step', ...size, ...set, '--iters', '3', '--json');
  expect(code).toBe(0);
  const result = JSON.parse(stdout) as Record<string, number>;
  expect(result).toEqual({
    engine: expect.stringMatching(/^libtorch [12]\.\d+\.\d+ \(\w+\)$/),
    device: 'cpu',
    threads: 1,
    step_s: expect.any(Number),
    min_s: expect.any(Number),
    iters: 3,
    peak_rss_mb: expect.any(Number),
    rss_growth_mb: expect.any(Number),
    live_tensors_growth: 0,
  });
  expect(result.step_s).toBeGreaterThanOrEqual(result.min_s!);
  expect(result.min_s).toBeGreaterThan(0);
  // The networks, the velocities and the gradients alone: 4 times 13 million values of 4 bytes.
  expect(result.peak_rss_mb).toBeGreaterThan(200);
});

it('bench loader prints its fixed keys', async () => {
  const { root } = await writePhotographs();
  const list = join(root, 'splits/few/unlabeled.txt');
  const { code, stdout } = await dssn('bench', 'loader', root, list, '--crop', '33', '--workers', '1', '--seconds', '0.2', '--json');
  rmSync(root, { recursive: true });
  expect(code).toBe(0);
  const result = JSON.parse(stdout) as Record<string, number>;
  expect(Object.keys(result)).toEqual(['samples_per_s', 'samples', 'seconds', 'workers', 'crop']);
  expect(result).toMatchObject({ workers: 1, crop: 33 });
  expect(result.samples_per_s).toBeCloseTo(result.samples! / result.seconds!, 6);
  expect(result.seconds).toBeGreaterThanOrEqual(0.2);
});

it('doctor finds the engine of this machine ready', async () => {
  const { code, stdout } = await dssn('doctor', '--json');
  expect(code).toBe(0);
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({
    ok: true,
    dssn: VERSION,
    engine: { version: expect.stringMatching(/^[12]\./), folder: expect.any(String) },
  });
  expect(result.engine.threads).toBeGreaterThan(0);
});

it('npx finds the command by its name in a clone', () => {
  const said = execFileSync('npx', ['--no-install', 'dssn', '--version'], { cwd: projectRoot, encoding: 'utf8' });
  expect(said).toBe(`${VERSION}\n`);
});

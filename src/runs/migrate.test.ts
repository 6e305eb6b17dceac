import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseConfig } from '../config/load.ts';
import { RunFolder } from './folder.ts';
import { migrated } from './migrate.ts';

const text = (method: string) =>
  `{method: ${method}, model: {backbone: resnet18}, data: {dataset: camvid, root: /d, split: 1_8, crop_size: 65}, train: {batch_size: 4, iterations: 8, lr: 0.01}}`;

/** config.json as the first version wrote it. */
function written(method: string, labelled: string): string {
  const config = structuredClone(parseConfig(text(method), 'a.yaml')) as unknown as { loss: Record<string, unknown> };
  const { ohem_min_kept_per_image: _, ...loss } = config.loss;
  return JSON.stringify({ ...config, loss: { ...loss, labelled, ohem_min_kept: 100_000 } });
}

it.each([
  ['dssn', 'ohem', 25_000],
  ['supervised', 'ohem', 12_500],
  ['dssn', 'ce', 100_000],
])('a run of the first version opens: %s with %s', (method, labelled, perImage) => {
  const folder = mkdtempSync(join(tmpdir(), 'migrate-'));
  writeFileSync(join(folder, 'config.json'), written(method, labelled));
  const { loss } = RunFolder.open(folder).config;
  expect([loss.labelled, loss.ohem_min_kept_per_image]).toEqual([labelled, perImage]);
  rmSync(folder, { recursive: true });
});

it('leaves alone what is new, and what is no JSON', () => {
  const now = JSON.stringify(parseConfig(text('dssn'), 'a.yaml'));
  expect(migrated(now)).toBe(now);
  expect(migrated('{')).toBe('{');
});

import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { isOfSunnySummer } from '../data/catalog/shapes/scene.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { DeepLabV3Plus } from '../models/index.ts';
import { ops, scope } from '../torch/index.ts';
import { loadPretrained } from '../train/pretrained.ts';
import { pretrainShapes } from './pretrain-shapes.ts';
import type { Progress } from './types.ts';

const folder = mkdtempSync(join(tmpdir(), 'dssn-pretrain-'));
afterAll(() => rmSync(folder, { recursive: true }));

const shipped = fileURLToPath(new URL('../../weights/shapes-resnet10.safetensors', import.meta.url));
const network = () => new DeepLabV3Plus({ backbone: 'resnet10', stem: 'standard', classes: 9 }).initialise(1);
const valuesOf = (net: DeepLabV3Plus) => [...(net.stateDict().get('backbone.layer1.0.conv1.weight')!.flatten().toTyped() as Float32Array)];

it('lowers its loss on sunny summer pictures, and writes a backbone that training starts from', async () => {
  const losses: number[] = [];
  const nothing = (): void => {};
  const update = ({ losses: found }: Progress): void => {
    if (found) losses.push(found.loss!);
  };
  const out = join(folder, 'backbone.safetensors');
  const { accuracy, majorityAccuracy } = await pretrainShapes({
    ...{ out, data: join(folder, 'data'), seed: 3, pictures: 32, iterations: 12, backbone: 'resnet10', stem: 'standard', threads: 2 },
    reporter: { start: nothing, update, end: nothing, note: nothing, warning: nothing, table: nothing },
  });
  expect(losses).toHaveLength(12);
  expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!);
  // Nine classes of which some are in every crop and some in few: twelve steps do not beat the majority answers yet, but come near.
  expect(majorityAccuracy).toBeGreaterThan(0.6);
  expect(majorityAccuracy).toBeLessThan(0.95);
  expect(accuracy).toBeGreaterThan(majorityAccuracy - 0.1);
  const learntFrom = readFileSync(join(folder, 'data/splits/quickstart/labeled.txt'), 'utf8').trim().split('\n');
  expect(learntFrom).toHaveLength(32);
  expect(learntFrom.filter((line) => !isOfSunnySummer(3, Number(/train-(\d+)/.exec(line)![1])))).toEqual([]);
  using _ = scope();
  const net = network();
  const before = valuesOf(net);
  loadPretrained(out, net);
  const after = valuesOf(net);
  expect(after).not.toEqual(before);
  expect(after.every((value) => Math.abs(value) < 10)).toBe(true);
  expect(new Set([...readSafetensors(out).tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['F16']));
});

it('that is shipped fits, and is below 10 MiB', () => {
  using _ = scope();
  const net = network();
  loadPretrained(shipped, net);
  const state = [...net.backbone.stateDict()].filter(([name]) => !name.endsWith('tracked'));
  for (const [name, values] of state) {
    const [least, most] = [values.mul(-1), values].map((t) => ops.max(t).item()) as [number, number];
    expect(Number.isFinite(least) && Number.isFinite(most), name).toBe(true);
    if (name.endsWith('running_var')) expect(-least, name).toBeGreaterThan(0);
  }
  expect(statSync(shipped).size).toBeLessThan(10 * 2 ** 20);
});

/** The steps of `dssn check` in their own process: what it tells, and how it dies. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Photographs, writePhotographs } from '../../test/commands/pictures.ts';
import { silentReporter } from '../cli/progress.ts';
import { loadConfig } from '../config/load.ts';
import { loadSplit } from '../data/lists.ts';
import { estimateTraining } from './check-estimate.ts';
import type { MeasureSetup } from './check-measure.ts';
import { datasetOf } from './shared.ts';

let set: Photographs;
beforeAll(async () => {
  set = await writePhotographs();
});
afterAll(() => rmSync(set.root, { recursive: true }));

function setupOf(...overrides: string[]): MeasureSetup {
  const config = loadConfig(set.config, overrides);
  const split = loadSplit(datasetOf(config).dataset, config.data.root, config.data.split);
  return { config, split, middling: split.val.slice(1, 3), largest: split.val[1]!, decodedBytes: 5_000_000 };
}

it('learns on the given images and tells time and memory of the whole run', async () => {
  const steps: number[] = [];
  const reporter = { ...silentReporter, update: ({ iteration }: { iteration: number }) => void steps.push(iteration) };
  const done = await estimateTraining(setupOf('train.iterations=10', 'train.eval_every=4'), reporter);
  if (!('estimate' in done)) throw new Error(done.problem.text);
  const { estimate } = done;
  expect(steps).toEqual([1, 2, 3, 4, 5, 6]);
  // 8 unlabelled images in batches of 2.
  expect(estimate).toMatchObject({
    device: 'cpu',
    threads: 1,
    steps: 5,
    warmup_steps: 1,
    iterations_per_epoch: 4,
    iterations: 10,
    evaluations: 3,
    cache_mb: 5,
  });
  expect(estimate.engine).toMatch(/^libtorch \d/);
  expect(estimate.step_s).toBeGreaterThan(0);
  expect(estimate.epoch_s).toBeCloseTo(4 * estimate.step_s, 9);
  expect(estimate.total_s).toBeCloseTo(10 * estimate.step_s + 3 * estimate.evaluation_s, 9);
  // Node with libtorch, and two networks of 14 million numbers.
  expect(estimate.peak_rss_mb).toBeGreaterThan(150);
  expect(estimate.available_mb).toBeGreaterThan(estimate.peak_rss_mb);
});

it('counts the steps of a burn-in apart', async () => {
  const of: number[] = [];
  const reporter = { ...silentReporter, start: (total: number) => void of.push(total) };
  const done = await estimateTraining(setupOf('train.iterations=10', 'train.burn_in=0.4', 'train.eval_every=10'), reporter);
  if (!('estimate' in done)) throw new Error(done.problem.text);
  const { burn_in_step_s, step_s, evaluation_s, total_s } = done.estimate;
  expect(of).toEqual([12]);
  expect(burn_in_step_s).toBeGreaterThan(0);
  expect(total_s).toBeCloseTo(4 * burn_in_step_s! + 6 * step_s + evaluation_s, 9);
});

it('tries no more steps than the run has', async () => {
  const done = await estimateTraining(setupOf('train.iterations=1'), silentReporter);
  expect(done).toMatchObject({ estimate: { steps: 1, warmup_steps: 0, iterations: 1, evaluations: 1 } });
});

it('is ended, and tells why, before it takes the last memory', async () => {
  const done = await estimateTraining(setupOf(), silentReporter, Number.POSITIVE_INFINITY);
  expect(done).toEqual({
    problem: {
      level: 'error',
      kind: 'out_of_memory',
      text: expect.stringMatching(
        /^the steps that were tried needed more memory than there is: [\d.]+ GB were left when they were ended \(SIGKILL\); a smaller/,
      ),
    },
  });
});

it('tells of an allocation that cannot be had', async () => {
  const done = await estimateTraining(setupOf('data.crop_size=2000000000'), silentReporter);
  expect(done).toMatchObject({ problem: { kind: 'out_of_memory', text: expect.stringContaining('a training step ran out of memory (') } });
});

it('tells of weights that do not fit, as training would', async () => {
  const done = await estimateTraining(setupOf(`pretrained=${set.root}/images/val0.jpg`, 'model.stem=deep'), silentReporter);
  expect(done).toMatchObject({ problem: { kind: 'settings', text: expect.stringContaining('/images/val0.jpg: ') } });
});

/** `dssn bench step`: the time of a training step, as the training loop takes it, on made-up images. */

import { ConfigError } from '../base/errors.ts';
import { random } from '../base/random.ts';
import { parseConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { Views } from '../methods/index.ts';
import { methods } from '../methods/index.ts';
import { type Device, engineInfo, liveTensors, ops, synchronize, type Tensor, tensor } from '../torch/index.ts';
import { Stepper } from '../train/step.ts';
import { modelOf, openDevice } from './shared.ts';
import type { BenchStepOptions, BenchStepResult } from './types.ts';

/** Steps before the clock starts: memory is allocated, kernels are chosen. */
const warmupSteps = 2;

function madeUpViews(batch: number, crop: number, nclass: number, device: Device): Views {
  const stream = random('bench step');
  const image = (): Tensor => {
    const values = Float32Array.from({ length: batch * crop * crop * 3 }, () => stream.normal());
    return tensor(values, [batch, crop, crop, 3]).to(device).permute(0, 3, 1, 2);
  };
  const labels = Uint8Array.from({ length: batch * crop * crop }, () => stream.integer(0, nclass - 1));
  const quarter = Math.floor(crop / 4);
  const boxes = () => Int32Array.from({ length: 4 * batch }, () => quarter);
  const unlabelled = () => ({
    weak: image(),
    strong1: image(),
    strong2: image(),
    valid: ops.full([batch, crop, crop], 1, { dtype: 'bool', device }),
    boxes1: boxes(),
    boxes2: boxes(),
  });
  return {
    labelled: { images: image(), labels: tensor(labels, [batch, crop, crop]).to('int64').to(device) },
    unlabelled: unlabelled(),
    mix: unlabelled(),
  };
}

/** The keys that a step reads, beside those that the options set. */
const readKeys =
  /^(model\.|select\.|loss\.|train\.(batch_size|lr|lr_multi|momentum|weight_decay|power|ema|ema_warmup|batch_norm|precision)=|data\.crop_size=)/;

/** What the options say, the published settings for all else, and `set` over both. @throws ConfigError for a wrong or idle override. */
function configOf({ method, backbone, crop, batch, iters, bf16, set }: BenchStepOptions): Config {
  const base = {
    method,
    model: { backbone },
    data: { dataset: 'folder', root: '.', split: 'none', crop_size: crop },
    train: { batch_size: batch, iterations: warmupSteps + iters, lr: 1e-3, lr_multi: 10, precision: bf16 ? 'bf16' : 'fp32' },
  };
  const config = parseConfig(JSON.stringify(base), 'bench step', set);
  const idle = set.find((override) => !readKeys.test(override));
  if (idle !== undefined)
    throw new ConfigError(
      `--set ${idle}: a bench of steps does not read this key; allowed: data.crop_size and the keys of model, select, loss and train, but for the length of a run and what follows from it`,
    );
  return config;
}

export async function benchStep(options: BenchStepOptions): Promise<BenchStepResult> {
  const { nclass, iters, reporter } = options;
  const device = openDevice(options);
  const config = configOf(options);
  const stepper = new Stepper(methods[config.method](config), {
    seed: 0,
    device,
    model: modelOf(config, nclass),
    iterations: warmupSteps + iters,
    warmupIterations: 1,
    train: config.train,
  });
  const batch = config.train.batch_size * (stepper.method.usesUnlabelled && !stepper.method.rounds ? 1 : 2);
  const views = madeUpViews(batch, config.data.crop_size, nclass, device);
  const times: number[] = [];
  let before = { memory: 0, tensors: 0 };
  reporter.start(warmupSteps + iters, 'bench step');
  for (let k = 0; k < warmupSteps + iters; k++) {
    if (k === warmupSteps) before = { memory: process.memoryUsage().rss, tensors: liveTensors() };
    const start = performance.now();
    stepper.step(views, k);
    synchronize(device);
    if (k >= warmupSteps) times.push((performance.now() - start) / 1000);
    reporter.update({ iteration: k + 1 });
    await new Promise((resolve) => setImmediate(resolve));
  }
  reporter.end();
  const sorted = times.toSorted((a, b) => a - b);
  const { version, source, threads } = engineInfo();
  return {
    engine: `libtorch ${version} (${source})`,
    device,
    threads,
    step_s: sorted[Math.floor(sorted.length / 2)]!,
    min_s: sorted[0]!,
    iters,
    peak_rss_mb: Math.round((process.resourceUsage().maxRSS * 1024) / 1e6),
    rss_growth_mb: Math.round((process.memoryUsage().rss - before.memory) / 1e6),
    live_tensors_growth: liveTensors() - before.tensors,
  };
}

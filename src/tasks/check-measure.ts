/** A few real training steps and a look at validation images, to tell the memory and time of a run. Nothing is written. */
import { setImmediate } from 'node:timers/promises';
import { toViews } from '../batch/index.ts';
import type { Config } from '../config/schema.ts';
import type { Split } from '../data/lists.ts';
import { EvalLoader, type Stage, StagedLoader } from '../data/loader/index.ts';
import { defaultCacheBytes } from '../data/loader/shared-cache.ts';
import type { Sample } from '../data/types.ts';
import { engineInfo, scope, synchronize } from '../torch/index.ts';
import { evaluateNetworks } from '../train/evaluate.ts';
import type { Stepper } from '../train/step.ts';
import type { CheckEstimate } from './check-types.ts';
import { type Plan, prepare } from './phase.ts';
import { phasesOf, planOf } from './plan.ts';
import { settle } from './settle.ts';
import { describeData, openDevice, viewingOf } from './shared.ts';

export interface MeasureSetup {
  readonly config: Config;
  /** Samples that can be used. */
  readonly split: Split;
  /** Validation images: some of middling size, whose time is taken, and the largest, whose memory counts. */
  readonly middling: readonly Sample[];
  readonly largest: Sample;
  /** Bytes of all training images once decoded. */
  readonly decodedBytes: number;
}

export type Measured = Omit<CheckEstimate, 'available_mb' | 'load'>;

/** Steps of a stage (a burn-in, the method's own) that count at most, and before them those that do not: memory is allocated, kernels are chosen. */
const MOST_STEPS = 5;
const WARMUP_STEPS = 1;
/** No further step of a stage begins after this, in seconds. */
const PATIENCE_S = 20;
const MB = 1e6;

interface StageTimes {
  /** Median of the steps that count, in seconds. */
  readonly step: number;
  readonly counted: number;
  readonly warmup: number;
}

/**
 * Times a few steps of a stage on its own batches.
 * @param from the iteration that they are learnt as: the first steps of a run may do less.
 */
async function timeSteps({ device, config }: Plan, stage: Stage, stepper: Stepper, from: number, onStep: () => void): Promise<StageTimes> {
  const batches = new StagedLoader([stage], 0, 1);
  const { accumulate } = config.train;
  const most = Math.min(MOST_STEPS + WARMUP_STEPS, stage.iterations / accumulate);
  const times: number[] = [];
  const began = performance.now();
  const isSlow = (): boolean => (performance.now() - began) / 1000 > PATIENCE_S && times.length > WARMUP_STEPS;
  while (times.length < most && !isSlow()) {
    const start = performance.now();
    stepper.begin(Math.min(stepper.settings.iterations - 1, from + times.length), accumulate);
    for (let n = 0; n < accumulate; n++) {
      const batch = await batches.next();
      using _ = scope();
      const views = toViews(batch, device);
      batch.release();
      stepper.add(views);
    }
    stepper.finish();
    synchronize(device);
    times.push((performance.now() - start) / 1000);
    onStep();
    // Lets the end of the parent be heard.
    await setImmediate();
  }
  await batches.close();
  const warmup = times.length > WARMUP_STEPS ? WARMUP_STEPS : 0;
  return { step: median(times.slice(warmup)), counted: times.length - warmup, warmup };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/**
 * Builds the networks of a run, learns a few steps on its own images and evaluates some.
 * @param onStep called with the steps done, of so many at most.
 * @throws what training would throw.
 */
export async function measureTraining(setup: MeasureSetup, onStep: (done: number, of: number) => void): Promise<Measured> {
  const { split, middling, largest, decodedBytes } = setup;
  const config = settle(setup.config, '', false);
  const device = openDevice(config);
  const plan = planOf(config, split, device);
  const cacheBytes = Math.min(defaultCacheBytes(1), decodedBytes);
  const phases = phasesOf(plan);
  const phase = phases[0]!;
  const { stages, stepper } = prepare(plan, phase);
  const { burnIn, warmupIterations } = stepper.settings;
  const measured = burnIn ? stages : stages.slice(-1);
  const of = measured.length * (MOST_STEPS + WARMUP_STEPS);
  let done = 0;
  const timesOf = (stage: Stage, from: number) => timeSteps(plan, stage, stepper, from, () => onStep(++done, of));
  const first = burnIn && { ...(await timesOf(stages[0]!, 0)), iterations: burnIn.iterations };
  const own = await timesOf(stages.at(-1)!, Math.max(burnIn?.iterations ?? 0, warmupIterations));

  const data = describeData(config, plan.dataset);
  const viewing = viewingOf(data, config.eval.tta, device);
  const evaluate = async (sample: Sample): Promise<number> => {
    const start = performance.now();
    const items = new EvalLoader({ root: config.data.root, samples: [sample], longSide: data.longSide, labelMap: plan.labelMap });
    await evaluateNetworks([stepper.student, stepper.teacher], items, data.classes, viewing);
    return (performance.now() - start) / 1000;
  };
  await evaluate(largest);
  const each: number[] = [];
  for (const sample of middling) each.push(await evaluate(sample));
  stepper.free();

  const iterations = phases.reduce((sum, one) => sum + one.iterations, 0);
  const early = first?.iterations ?? 0;
  const evaluateEvery = config.train.eval_every ?? phase.iterationsPerEpoch;
  const evaluations = phases.reduce((sum, one) => sum + Math.ceil(one.iterations / evaluateEvery), 0);
  const evaluation = median(each) * split.val.length;
  const { version, source, threads } = engineInfo();
  return {
    engine: `libtorch ${version} (${source})`,
    device,
    threads,
    step_s: own.step,
    steps: own.counted,
    warmup_steps: own.warmup,
    ...(first && { burn_in_step_s: first.step }),
    iterations_per_epoch: phase.iterationsPerEpoch,
    epoch_s: own.step * phase.iterationsPerEpoch,
    evaluation_s: evaluation,
    evaluations,
    iterations,
    total_s: early * (first?.step ?? 0) + (iterations - early) * own.step + evaluation * evaluations,
    peak_rss_mb: Math.round((process.resourceUsage().maxRSS * 1024) / MB),
    cache_mb: Math.round(cacheBytes / MB),
  };
}

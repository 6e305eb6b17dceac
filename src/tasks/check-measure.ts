/** A few real training steps and a look at validation images, to tell the memory and time of a run. Nothing is written. */
import { toViews } from '../batch/index.ts';
import type { Config } from '../config/schema.ts';
import type { Split } from '../data/lists.ts';
import { EvalLoader, StagedLoader } from '../data/loader/index.ts';
import { defaultCacheBytes } from '../data/loader/shared-cache.ts';
import type { Sample } from '../data/types.ts';
import { engineInfo, scope, synchronize } from '../torch/index.ts';
import { evaluateNetworks } from '../train/evaluate.ts';
import type { Stepper } from '../train/step.ts';
import type { CheckEstimate } from './check-types.ts';
import { type Plan, prepare, stagesOf } from './phase.ts';
import { phasesOf, planOf } from './plan.ts';
import { settle } from './settle.ts';
import { describeData, openDevice, viewingOf } from './shared.ts';

export interface MeasureSetup {
  readonly config: Config;
  /** Samples that can be used. */
  readonly split: Split;
  /** Validation images: of middling size, whose time is taken, and the largest, whose memory counts. */
  readonly middling: Sample;
  readonly largest: Sample;
  /** Bytes of all training images once decoded. */
  readonly decodedBytes: number;
}

export type Measured = Omit<CheckEstimate, 'available_mb'>;

/** Steps that count at most, and before them those that do not: memory is allocated, kernels are chosen. */
const MOST_STEPS = 5;
const WARMUP_STEPS = 1;
/** No further step begins after this, in seconds. */
const PATIENCE_S = 20;
const MB = 1e6;

/** Seconds of each step, after the warm-up; by a stepper that is past its burn-in and warm-up, which may do less. */
async function timeSteps(
  plan: Plan,
  stepper: Stepper,
  batches: StagedLoader,
  most: number,
  onStep: (done: number) => void,
): Promise<number[]> {
  const { iterations, warmupIterations, burnIn } = stepper.settings;
  const late = Math.max(burnIn?.iterations ?? 0, warmupIterations);
  const times: number[] = [];
  const began = performance.now();
  for (let step = 0; step < most; step++) {
    const start = performance.now();
    const batch = await batches.next();
    {
      using _ = scope();
      const views = toViews(batch, plan.device);
      batch.release();
      stepper.step(views, Math.min(iterations - 1, late + step));
      synchronize(plan.device);
    }
    times.push((performance.now() - start) / 1000);
    onStep(step + 1);
    if ((performance.now() - began) / 1000 > PATIENCE_S && times.length > WARMUP_STEPS) break;
  }
  return times;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/**
 * Builds the networks of a run, learns a few steps on its own images and evaluates two.
 * @param onStep called with what is done, of `MOST_STEPS + WARMUP_STEPS`.
 * @throws what training would throw.
 */
export async function measureTraining(setup: MeasureSetup, onStep: (done: number) => void): Promise<Measured> {
  const { split, middling, largest, decodedBytes } = setup;
  const config = settle(setup.config, '', false);
  const device = openDevice(config);
  const plan = planOf(config, split, device);
  const cacheBytes = Math.min(defaultCacheBytes(1), decodedBytes);
  const phases = phasesOf(plan);
  const phase = phases[0]!;
  const { stepper } = prepare(plan, phase);
  const stage = stagesOf(plan, phase).at(-1)!;
  const batches = new StagedLoader([stage], 0, phase.iterationsPerEpoch);
  const times = await timeSteps(plan, stepper, batches, Math.min(MOST_STEPS + WARMUP_STEPS, stage.iterations), onStep);
  await batches.close();

  const data = describeData(config, plan.dataset);
  const viewing = viewingOf(data, config.eval.tta, device);
  const evaluate = async (sample: Sample): Promise<number> => {
    const start = performance.now();
    const items = new EvalLoader({ root: config.data.root, samples: [sample], longSide: data.longSide, labelMap: plan.labelMap });
    await evaluateNetworks([stepper.student, stepper.teacher], items, data.classes, viewing);
    return (performance.now() - start) / 1000;
  };
  await evaluate(largest);
  const perImage = await evaluate(middling);
  stepper.free();

  const counted = times.length > WARMUP_STEPS ? times.slice(WARMUP_STEPS) : times;
  const step = median(counted);
  const iterations = phases.reduce((sum, one) => sum + one.iterations, 0);
  const evaluateEvery = config.train.eval_every ?? phase.iterationsPerEpoch;
  const evaluations = phases.reduce((sum, one) => sum + Math.ceil(one.iterations / evaluateEvery), 0);
  const evaluation = perImage * split.val.length;
  const { version, source, threads } = engineInfo();
  return {
    engine: `libtorch ${version} (${source})`,
    device,
    threads,
    step_s: step,
    steps: counted.length,
    warmup_steps: times.length - counted.length,
    iterations_per_epoch: phase.iterationsPerEpoch,
    epoch_s: step * phase.iterationsPerEpoch,
    evaluation_s: evaluation,
    evaluations,
    iterations,
    total_s: step * iterations + evaluation * evaluations,
    peak_rss_mb: Math.round((process.resourceUsage().maxRSS * 1024) / MB),
    cache_mb: Math.round(cacheBytes / MB),
  };
}

/** Work that `onStep` counts. */
export const STEPS_TO_MEASURE = MOST_STEPS + WARMUP_STEPS;

/** `dssn train --seeds N`: one configuration trained with several seeds, one after the other, and how much they scatter. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { isRun } from '../runs/find.ts';
import { inspectRun } from '../runs/inspect.ts';
import { overSeeds } from '../runs/seeds.ts';
import { summariseRun } from '../runs/summary.ts';
import { settle } from './settle.ts';
import { train } from './train.ts';
import type { Reporter, TrainResult, TrainSeedsOptions, TrainSeedsResult } from './types.ts';

interface SeedRun {
  readonly config: Config;
  readonly out: string;
  /** As progress is labelled. */
  readonly label: string;
}

const runsOf = ({ config, out, seeds }: TrainSeedsOptions): SeedRun[] =>
  Array.from({ length: seeds }, (_, k) => {
    const seed = config.seed + k;
    return { config: { ...config, seed }, out: join(out, `seed-${seed}`), label: `seed ${seed} (${k + 1} of ${seeds})` };
  });

/** Says of everything which run it is about. */
const labelled = (reporter: Reporter, label: string): Reporter => ({
  start: (total, what, options) => reporter.start(total, `${label} ${what}`, options),
  update: (progress) => reporter.update(progress),
  end: (text) => reporter.end(text),
  note: (text) => reporter.note(`${label}: ${text}`),
  warning: (text) => reporter.warning(`${label}: ${text}`),
  table: (head, rows) => reporter.table(head, rows),
});

/** What a run that was finished before came to. */
function withScores(result: TrainResult): TrainResult {
  if (result.status !== 'already-finished') return result;
  const { student, teacher } = summariseRun(result.run).summary;
  return { ...result, ...(student && { student }), ...(teacher && { teacher }) };
}

/**
 * Trains `out/seed-S` for the configuration's seed S and those after it; with `resume` finished ones are passed over and begun ones
 * go on. An interruption stops the run that learns, with its checkpoint, and begins no other.
 * @throws ConfigError if `out` is a run itself, or as `train` does, of whichever run, before the first one begins.
 */
export async function trainSeeds(options: TrainSeedsOptions): Promise<TrainSeedsResult> {
  const { out, config, reporter, signal, resume, command } = options;
  if (existsSync(out) && !statSync(out).isDirectory()) throw new ConfigError(`${out}: is a file; --out must name a folder`);
  if (isRun(out)) throw new ConfigError(`${out}: is a single run; with --seeds the runs are folders in --out: give another`);
  const planned = runsOf(options);
  for (const run of planned) inspectRun(run.out, settle(run.config, run.out, resume), resume, options.allowConfigChange);
  const runs: TrainSeedsResult['runs'][number][] = [];
  for (const run of planned) {
    if (signal?.aborted) return { status: 'interrupted', out, method: config.method, runs };
    const result = await train({
      ...{ config: run.config, out: run.out, resume, command, reporter: labelled(reporter, run.label) },
      ...(options.allowConfigChange && { allowConfigChange: options.allowConfigChange }),
      ...(signal && { signal }),
    });
    if (result.status === 'already-finished') reporter.note(`${run.label}: finished already`);
    runs.push({ seed: run.config.seed, ...withScores(result) });
    if (result.status === 'interrupted') return { status: 'interrupted', out, method: config.method, runs };
  }
  const scored = runs.map(({ seed, student, teacher }) => ({ seed, student: student ?? null, teacher: teacher ?? null }));
  return { status: 'finished', out, method: config.method, runs, ...overSeeds(scored) };
}

/** Runs that differ in their seed alone: what they come to on average, and how much they scatter. */
import { mean, sampleDeviation } from '../base/statistics.ts';
import type { LastAndBest, RunSummary } from './summary.ts';

interface Pair {
  /** Null where no run has such a network, or, of a deviation, fewer than two have. */
  readonly student: LastAndBest | null;
  readonly teacher: LastAndBest | null;
}

/** mIoU over several seeds, in percent. Names as in the JSON. */
export interface SeedStatistics {
  /** Seeds counted. */
  readonly n: number;
  readonly seeds: readonly number[];
  readonly mean: Pair;
  /** Standard deviation of the sample: divided by n - 1. */
  readonly std: Pair;
}

function over(values: readonly LastAndBest[], statistic: (numbers: readonly number[]) => number | undefined): LastAndBest | null {
  const last = statistic(values.map((value) => value.last));
  const best = statistic(values.map((value) => value.best));
  return last === undefined || best === undefined ? null : { last, best };
}

/** Of runs of one configuration, each with a seed of its own. */
export function overSeeds(runs: readonly Pick<RunSummary, 'seed' | 'student' | 'teacher'>[]): SeedStatistics {
  const found = (who: 'student' | 'teacher') => runs.flatMap((run) => run[who] ?? []);
  const pair = (statistic: (numbers: readonly number[]) => number | undefined): Pair => ({
    student: over(found('student'), statistic),
    teacher: over(found('teacher'), statistic),
  });
  return {
    n: runs.length,
    seeds: runs.flatMap(({ seed }) => seed ?? []),
    mean: pair((numbers) => (numbers.length > 0 ? mean(numbers) : undefined)),
    std: pair(sampleDeviation),
  };
}

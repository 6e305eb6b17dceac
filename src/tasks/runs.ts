/** `dssn runs`: runs side by side, from their folders alone; nothing of the engine is loaded. */
import { existsSync, statSync } from 'node:fs';
import { basename, relative, resolve } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { apartFromSeed, settingsThatDiffer } from '../runs/compare.ts';
import { findRuns } from '../runs/find.ts';
import { overSeeds } from '../runs/seeds.ts';
import { summariseRun } from '../runs/summary.ts';
import type { ComparedRun, RunSortKey, RunsOptions, RunsResult, SeedGroup } from './types.ts';

interface Found {
  readonly row: ComparedRun;
  readonly config: Config | undefined;
}

/** What a run is sorted by: smaller first. mIoU sorts the best first. */
const sortValues: Readonly<Record<RunSortKey, (run: ComparedRun) => string | number | null>> = {
  name: ({ name }) => name,
  method: ({ method }) => method,
  seed: ({ seed }) => seed,
  status: ({ status }) => status,
  iterations: ({ iterations }) => -iterations,
  started: ({ started }) => started,
  time: ({ seconds }) => seconds,
  'student-last': ({ student }) => student && -student.last,
  'student-best': ({ student }) => student && -student.best,
  'teacher-last': ({ teacher }) => teacher && -teacher.last,
  'teacher-best': ({ teacher }) => teacher && -teacher.best,
};

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return [...groups.values()];
}

const byNumberOrText = new Intl.Collator('en', { numeric: true });

/** What a run lacks comes last. */
function compareValues(a: string | number | null, b: string | number | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return typeof a === 'number' && typeof b === 'number' ? a - b : byNumberOrText.compare(String(a), String(b));
}

/** The runs in and below the folders, each once, named by its way from the one folder given, else as typed. */
function gather(folders: readonly string[]): Found[] {
  const found = new Map<string, Found>();
  for (const folder of folders) {
    if (!existsSync(folder)) throw new ConfigError(`${folder}: no such folder`);
    if (!statSync(folder).isDirectory()) throw new ConfigError(`${folder}: not a folder; allowed: run folders, and folders that hold some`);
    for (const run of findRuns(folder)) {
      const { summary, config } = summariseRun(run);
      const name = folders.length === 1 ? relative(folder, run) || basename(resolve(run)) : run;
      if (!found.has(resolve(run))) found.set(resolve(run), { row: { name, ...summary }, config });
    }
  }
  return [...found.values()];
}

/** Runs of one configuration and of several seeds. Finished ones count, a seed once; the others are named. */
function groupsOf(runs: readonly Found[]): SeedGroup[] {
  const readable = runs.filter(({ config }) => config);
  return grouped(readable, ({ config }) => apartFromSeed(config!)).flatMap((group) => {
    const rows = group.map(({ row }) => row);
    if (new Set(rows.map(({ seed }) => seed)).size < 2) return [];
    const counted = rows.filter(
      (row, index) =>
        row.status === 'finished' && rows.findIndex(({ seed, status }) => seed === row.seed && status === 'finished') === index,
    );
    const names = (of: readonly ComparedRun[]) => of.map(({ name }) => name);
    return [{ runs: names(counted), left_out: names(rows.filter((row) => !counted.includes(row))), ...overSeeds(counted) }];
  });
}

/**
 * Compares runs. Damaged ones are among them, with what is wrong; folders that are no runs are passed over.
 * @throws ConfigError for a folder that is not there
 */
export function compareRuns({ folders, sort = 'name' }: RunsOptions): RunsResult {
  const found = gather(folders).sort(
    (a, b) => compareValues(sortValues[sort](a.row), sortValues[sort](b.row)) || compareValues(a.row.name, b.row.name),
  );
  const readable = found.filter(({ config }) => config);
  const names = readable.map(({ row }) => row.name);
  return {
    runs: found.map(({ row }) => row),
    groups: groupsOf(found),
    differing: settingsThatDiffer(readable.map(({ config }) => config!)).map(({ key, values }) => ({
      key,
      values: grouped([...values.entries()], ([, value]) => JSON.stringify(value)).map((equal) => ({
        value: equal[0]![1],
        runs: equal.map(([index]) => names[index]!),
      })),
    })),
  };
}

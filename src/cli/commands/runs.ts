import { type Command, Option } from 'commander';
import { runSortKeys } from '../../config/names.ts';
import type { ComparedRun, RunSortKey, RunsResult } from '../../tasks/types.ts';
import type { Context } from '../context.ts';
import { formatSeconds } from '../progress.ts';
import { columnsTable, formatTable, percent } from '../table.ts';

interface Options {
  readonly perClass?: boolean;
  readonly sort: RunSortKey;
  readonly json?: boolean;
}

const NAMES_SHOWN = 4;
const VALUE_WIDTH = 60;

function runsTable(runs: readonly ComparedRun[]): string {
  const column = (head: string, cell: (run: ComparedRun) => string, left = false) => ({ head, cells: runs.map(cell), left });
  return columnsTable([
    column('name', ({ name }) => name, true),
    column('method', ({ method }) => method ?? '?', true),
    column('seed', ({ seed }) => String(seed ?? '?')),
    column('iterations', ({ iterations, of }) => `${iterations}/${of ?? '?'}`),
    column('status', ({ status }) => status, true),
    column('student', ({ student }) => percent(student?.last)),
    column('best', ({ student }) => percent(student?.best)),
    column('teacher', ({ teacher }) => percent(teacher?.last)),
    column('best', ({ teacher }) => percent(teacher?.best)),
    column('time', ({ seconds }) => (seconds === null ? '' : formatSeconds(seconds))),
  ]);
}

function classesTable(runs: readonly ComparedRun[]): string {
  const evaluated = runs.flatMap(({ name, last_evaluation }) => (last_evaluation ? [{ name, ...last_evaluation }] : []));
  const classes = [...new Set(evaluated.flatMap(({ iou }) => Object.keys(iou)))];
  return columnsTable([
    { head: 'class', cells: ['iteration', 'network', ...classes], left: true },
    ...evaluated.map(({ name, iteration, who, iou }) => ({
      head: name,
      cells: [String(iteration), who, ...classes.map((label) => percent(iou[label]))],
    })),
  ]);
}

function few(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return more > 0 ? `${names.slice(0, NAMES_SHOWN).join(', ')} and ${more} more` : names.join(', ');
}

/** Of a configuration that cannot be read there may be a line for each key; --json has them all. */
function firstLine(problem: string): string {
  const [first = '', ...others] = problem.split('\n');
  return others.length > 0 ? `${first} (and ${others.length} more)` : first;
}

const spread = (mean: number | undefined, deviation: number | undefined): string =>
  mean === undefined ? '' : `${percent(mean)} ± ${deviation === undefined ? '-' : percent(deviation)}`;

function groupsTable(groups: RunsResult['groups']): string {
  const column = (head: string, who: 'student' | 'teacher', which: 'last' | 'best') => ({
    head,
    cells: groups.map(({ mean, std }) => spread(mean[who]?.[which], std[who]?.[which])),
  });
  return columnsTable([
    { head: 'runs', cells: groups.map(({ runs }) => few(runs)), left: true },
    { head: 'n', cells: groups.map(({ n }) => String(n)) },
    ...[column('student', 'student', 'last'), column('best', 'student', 'best')],
    ...[column('teacher', 'teacher', 'last'), column('best', 'teacher', 'best')],
    { head: 'not counted', cells: groups.map(({ left_out }) => few(left_out)), left: true },
  ]);
}

function differingTable(differing: RunsResult['differing']): string {
  const shown = (value: unknown): string => {
    const text = JSON.stringify(value);
    return text.length > VALUE_WIDTH ? `${text.slice(0, VALUE_WIDTH - 3)}...` : text;
  };
  const rows = differing.flatMap(({ key, values }) =>
    values.map(({ value, runs }, index) => [index === 0 ? key : '', shown(value), few(runs)]),
  );
  return formatTable(['key', 'value', 'runs'], rows);
}

function text({ runs, groups, differing }: RunsResult, perClass: boolean): string {
  const parts = [`mIoU in percent, at the last evaluation and the best\n${runsTable(runs)}`];
  const damaged = runs.filter(({ problems }) => problems.length > 0);
  if (damaged.length > 0)
    parts.push(damaged.map(({ name, problems }) => [`${name} is damaged:`, ...problems.map(firstLine)].join('\n  ')).join('\n'));
  if (perClass) parts.push(`IoU in percent of each class, at the last evaluation\n${classesTable(runs)}`);
  if (groups.length > 0)
    parts.push(`finished runs that differ in their seed alone: mean ± standard deviation (n - 1)\n${groupsTable(groups)}`);
  // The first table shows these.
  const others = differing.filter(({ key }) => !['method', 'seed'].includes(key));
  if (others.length > 0) parts.push(`what else differs in their configurations\n${differingTable(others)}`);
  return parts.join('\n\n');
}

export function addRuns(program: Command, context: Context): void {
  program
    .command('runs')
    .description('compare runs: how far they are, mIoU of student and teacher, mean over seeds, what their configurations differ in')
    .argument('<runs...>', 'run folders, and folders that hold some at any depth; other folders are passed over')
    .option('--per-class', 'IoU of each class, too (always there with --json)')
    .addOption(new Option('--sort <key>', 'order of the rows; mIoU and iterations: the highest first').choices(runSortKeys).default('name'))
    .option('--json', 'print {"runs", "groups", "differing"} as JSON on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  dssn runs runs\n  dssn runs runs/camvid runs/supervised-2 --per-class\n  dssn runs runs --sort teacher-best --json',
    )
    .action(async (folders: string[], options: Options) => {
      const { compareRuns } = await import('../../tasks/runs.ts');
      const result = compareRuns({ folders, sort: options.sort });
      context.print(options.json, result, () =>
        result.runs.length > 0 ? text(result, options.perClass ?? false) : `no runs in ${folders.join(', ')}`,
      );
    });
}

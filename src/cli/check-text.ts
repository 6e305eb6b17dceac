/** The result of `dssn check` as people read it. */
import type { CheckEstimate, CheckProblem, CheckResult, ClassCount } from '../tasks/check-types.ts';
import { formatSeconds } from './progress.ts';
import { formatTable } from './table.ts';

/** Lines shown of each kind of problem; the others are in the report. */
const LINES_SHOWN = 20;
const SIZES_SHOWN = 5;
const BAR_WIDTH = 16;

const nameOf = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

/** What so many problems of a kind are called; those of other kinds are sentences by themselves. */
const headings: Partial<Record<CheckProblem['kind'], readonly [one: string, many: string]>> = {
  missing: ['file is missing', 'files are missing'],
  unreadable: ['file cannot be read', 'files cannot be read'],
  size_mismatch: ['label map is of another size than its image', 'label maps are of another size than their images'],
  label_out_of_range: [
    'label map holds a label that is not allowed; data.label_map (or data.label_colours) can map it',
    'times a label map holds a label that is not allowed; data.label_map (or data.label_colours) can map them',
  ],
  class_never_labelled: [
    'class is in no pixel of the labelled list, so it cannot be learnt',
    'classes are in no pixel of the labelled list, so they cannot be learnt',
  ],
  class_never_in_val: [
    'class is in no pixel of the validation list, so its IoU says nothing',
    'classes are in no pixel of the validation list, so their IoU says nothing',
  ],
  nothing_labelled: ['label map labels nothing', 'label maps label nothing'],
  duplicate_train_val: [
    'validation image is in training too, so scores will be too good',
    'validation images are in training too, so scores will be too good',
  ],
  duplicate_labelled_unlabelled: ['unlabelled image is a labelled one', 'unlabelled images are labelled ones'],
  turn_unclear: [
    'image is turned by its camera (EXIF) and its label map fits both ways; look whether it lies right in the picture',
    'images are turned by their camera (EXIF) and their label maps fit both ways; look whether they lie right in the picture',
  ],
  turn_left_out: [
    'image is learnt from as stored, its label map fits only so',
    'images are learnt from as stored, their label maps fit only so',
  ],
  no_contrast: ['image shows hardly anything', 'images show hardly anything'],
};

/** Labels that are not allowed, each with the number of label maps that hold it, the most frequent first. */
function labelsOf(problems: readonly CheckProblem[]): string {
  const files = new Map<string, number>();
  for (const { label, colour } of problems) {
    const name = colour ? `[${colour.join(', ')}]` : `${label}`;
    files.set(name, (files.get(name) ?? 0) + 1);
  }
  const byFiles = [...files].sort(([, a], [, b]) => b - a).map(([label, count]) => `${label} in ${nameOf(count, 'file', 'files')}`);
  return listOf(byFiles);
}

/** Names beside one another, not all where they are many. */
function listOf(names: readonly string[]): string {
  const rest = names.length - LINES_SHOWN;
  return names.slice(0, LINES_SHOWN).join(', ') + (rest > 0 ? `, and ${rest} more` : '');
}

/** The problems of one kind: what they are, then a line each. `where` the report holds those that are not shown. */
function linesOfKind(these: readonly CheckProblem[], where: string): string[] {
  const { kind, level } = these[0]!;
  const heading = headings[kind];
  const texts = these.slice(0, LINES_SHOWN).map(({ text }) => text);
  const more = these.length > LINES_SHOWN ? [`  and ${these.length - LINES_SHOWN} more${where}`] : [];
  if (!heading) return [...texts.map((text) => `${level}: ${text}`), ...more];
  const title = `${level}: ${nameOf(these.length, ...heading)}`;
  const classes = these.flatMap((problem) => problem.class ?? []);
  if (classes.length > 0) return [`${title}: ${listOf(classes)}`];
  const first = kind === 'label_out_of_range' && these.length > 1 ? `${title}: ${labelsOf(these)}` : title;
  return [first, ...texts.map((text) => `  ${text}`), ...more];
}

/** The problems of one level, kind by kind. */
function linesOf(level: CheckProblem['level'], all: readonly CheckProblem[], more: string): string[] {
  const problems = all.filter((problem) => problem.level === level);
  const kinds = [...new Set(problems.map(({ kind }) => kind))];
  return kinds.flatMap((kind) =>
    linesOfKind(
      problems.filter((problem) => problem.kind === kind),
      more,
    ),
  );
}

/** Eighths of a block: a bar with the resolution of an eighth of a letter. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

function bar(share: number, longest: number): string {
  const eighths = longest > 0 ? Math.round((share / longest) * BAR_WIDTH * 8) : 0;
  // What is there is seen, however little it is.
  const seen = share > 0 ? Math.max(1, eighths) : 0;
  return '█'.repeat(Math.floor(seen / 8)) + EIGHTHS[seen % 8]!;
}

function percent(share: number): string {
  if (share === 0) return '-';
  return share < 0.0005 ? '<0.1 %' : `${(100 * share).toFixed(1)} %`;
}

function histogram({ classes, ignored }: CheckResult): string {
  const longest = Math.max(...classes.flatMap(({ labelled, val }) => [labelled.share, val.share]));
  const side = (count: ClassCount, drawn: boolean): string[] => [
    drawn ? bar(count.share, longest).padEnd(BAR_WIDTH) : '',
    percent(count.share).padStart(6),
    String(count.images).padStart(6),
  ];
  const rows = classes.map(({ name, labelled, val }, label) => [
    String(label).padStart(3),
    name,
    ...side(labelled, true),
    ...side(val, true),
  ]);
  rows.push(['255', '(ignored)', ...side(ignored.labelled, false), ...side(ignored.val, false)]);
  const of = (list: string): string[] => [list, 'pixels', 'images'];
  return formatTable(['', 'class', ...of('labelled'), ...of('validation')], rows);
}

function sizes({ sizes: found }: CheckResult): string {
  const shown = found.slice(0, SIZES_SHOWN).map(({ width, height, images }) => `${width} x ${height} (${images})`);
  const rest = found.length - shown.length;
  const sides = found.flatMap(({ width, height }) => [width, height]);
  const range = rest > 0 ? `, and ${rest} other sizes, sides from ${Math.min(...sides)} to ${Math.max(...sides)}` : '';
  return `sizes: ${shown.join(', ')}${range}`;
}

const gigabytes = (mb: number): string => `${(mb / 1000).toFixed(1)} GB`;

function estimate(one: CheckEstimate): string {
  const seconds = (value: number): string => (value < 10 ? `${value.toPrecision(2)} s` : formatSeconds(value));
  const steps = `${nameOf(one.steps, 'step', 'steps')} of this configuration on its own images, after ${one.warmup_steps}, and a few evaluated images`;
  const burnIn = one.burn_in_step_s === undefined ? '' : ` (${seconds(one.burn_in_step_s)} in the burn-in)`;
  const busy = `other processes were computing (load ${one.load.toFixed(1)}): alone on this machine it is faster`;
  return [
    `time: ${seconds(one.step_s)} a step${burnIn}, ${seconds(one.epoch_s)} an epoch of ${one.iterations_per_epoch} iterations; an evaluation ${seconds(one.evaluation_s)}`,
    `      ${formatSeconds(one.total_s)} for ${nameOf(one.iterations, 'iteration', 'iterations')} and ${nameOf(one.evaluations, 'evaluation', 'evaluations')}`,
    `memory: ${gigabytes(one.peak_rss_mb)}, and up to ${gigabytes(one.cache_mb)} for decoded images; ${gigabytes(one.available_mb)} are free`,
    `(measured on ${one.device}, ${one.engine}, ${nameOf(one.threads, 'thread', 'threads')}: ${steps})`,
    ...(one.load > one.threads / 2 ? [busy] : []),
  ].join('\n');
}

/**
 * The whole text.
 * @param next the command to type when training can begin, and the one to type when something was mended.
 */
export function checkText(result: CheckResult, next: { readonly train: string; readonly again: string }): string {
  const { lists, problems } = result;
  const more = result.report === null ? ' (all with --json)' : ` (all in ${result.report})`;
  const parts: string[][] = [];
  if (result.sizes.length > 0)
    parts.push(
      [histogram(result)],
      [`${lists.labelled} labelled, ${lists.unlabelled} unlabelled, ${lists.val} validation images`, sizes(result)],
    );
  parts.push([result.estimate ? estimate(result.estimate) : `time and memory: ${result.no_estimate ?? 'not known, see the errors'}`]);
  parts.push(linesOf('error', problems, more), linesOf('warning', problems, more));
  const files = [result.picture && `look at the labels: ${result.picture}`, result.report && `all of it: ${result.report}`].filter(Boolean);
  const verdict = result.ok
    ? [
        `${result.warnings === 0 ? 'nothing is wrong' : `no errors, ${nameOf(result.warnings, 'warning', 'warnings')}`}; training can begin`,
        `next: ${next.train}`,
      ]
    : [
        `${nameOf(result.errors, 'error', 'errors')}, ${nameOf(result.warnings, 'warning', 'warnings')}: training would fail`,
        `next: mend the errors, then ${next.again}`,
      ];
  parts.push([...files.map(String), ...verdict]);
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

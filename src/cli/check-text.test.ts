import { describe, expect, it } from 'vitest';
import type { CheckProblem, CheckResult } from '../tasks/check-types.ts';
import { checkText } from './check-text.ts';

const count = (share: number, images: number) => ({ pixels: 1000 * share, share, images });
const result: CheckResult = {
  ok: true,
  errors: 0,
  warnings: 0,
  problems: [],
  lists: { labelled: 3, unlabelled: 5, val: 2 },
  classes: [
    { name: 'road', labelled: count(0.8, 3), val: count(0.6, 2) },
    { name: 'sky', labelled: count(0.2, 2), val: count(0.3996, 2) },
    { name: 'car', labelled: count(0, 0), val: count(0.0004, 1) },
  ],
  ignored: { labelled: count(0.05, 1), val: count(0, 0) },
  sizes: [60, 50, 40, 30, 20, 10, 9].map((side) => ({ width: 2 * side, height: side, images: 2 })),
  estimate: {
    engine: 'libtorch 2.13.0 (wheel)',
    device: 'cpu',
    threads: 2,
    step_s: 1.234,
    steps: 5,
    warmup_steps: 1,
    burn_in_step_s: 0.5,
    iterations_per_epoch: 80,
    epoch_s: 98.7,
    evaluation_s: 31,
    evaluations: 6,
    iterations: 3000,
    total_s: 3702,
    peak_rss_mb: 812,
    cache_mb: 1234,
    available_mb: 18_600,
    load: 0.4,
  },
  picture: 'out/labels.png',
  report: 'out/check.json',
};
const next = { train: 'dssn train', again: 'dssn check' };
const problem = (kind: CheckProblem['kind'], text: string, more: Partial<CheckProblem> = {}): CheckProblem => ({
  level: 'error',
  kind,
  text,
  ...more,
});
/** The lines of the problems alone. */
const told = (...problems: CheckProblem[]): string[] =>
  checkText({ ...result, ok: false, problems, errors: problems.length }, next)
    .split('\n\n')
    .at(-2)!
    .split('\n');

describe('the text of a check', () => {
  it('shows classes with bars, sizes, time and memory, and what comes next', () => {
    expect(checkText(result, next)).toBe(`     class      labelled          pixels  images  validation        pixels  images
  0  road       ████████████████  80.0 %       3  ████████████      60.0 %       2
  1  sky        ████              20.0 %       2  ████████          40.0 %       2
  2  car                               -       0  ▏                 <0.1 %       1
255  (ignored)                     5.0 %       1                         -       0

3 labelled, 5 unlabelled, 2 validation images
sizes: 120 x 60 (2), 100 x 50 (2), 80 x 40 (2), 60 x 30 (2), 40 x 20 (2), and 2 other sizes, sides from 9 to 120

time: 1.2 s a step (0.50 s in the burn-in), 1:39 an epoch of 80 iterations; an evaluation 0:31
      1:01:42 for 3000 iterations and 6 evaluations
memory: 0.8 GB, and up to 1.2 GB for decoded images; 18.6 GB are free
(measured on cpu, libtorch 2.13.0 (wheel), 2 threads: 5 steps of this configuration on its own images, after 1, and a few evaluated images)

look at the labels: out/labels.png
all of it: out/check.json
nothing is wrong; training can begin
next: dssn train`);
  });

  it('says where other processes made it slow', () => {
    const busy = { ...result, estimate: { ...result.estimate!, load: 1.5 } };
    expect(checkText(busy, next)).toContain('\nother processes were computing (load 1.5): alone on this machine it is faster\n');
  });

  it('counts a kind with one line each, and sums up labels by file', () => {
    const wrong = (label: number, file: string) => problem('label_out_of_range', `${file}: label ${label}`, { label, file });
    expect(told(wrong(3, 'a'), wrong(7, 'a'), wrong(7, 'b'))).toEqual([
      'error: 3 times a label map holds a label that is not allowed; data.label_map (or data.label_colours) can map them: 7 in 2 files, 3 in 1 file',
      '  a: label 3',
      '  a: label 7',
      '  b: label 7',
    ]);
    expect(told(problem('settings', 'device: no'), problem('missing', 'x is gone'))).toEqual([
      'error: device: no',
      'error: 1 file is missing',
      '  x is gone',
    ]);
  });

  it('names classes in one line, and no more than twenty of a kind', () => {
    const never = Array.from({ length: 23 }, (_, k) => problem('class_never_in_val', `class ${k}`, { level: 'warning', class: `c${k}` }));
    const [line, ...others] = told(...never);
    expect(others).toEqual([]);
    expect(line).toMatch(
      /^warning: 23 classes are in no pixel of the validation list, so their IoU says nothing: c0, c1, .*, c19, and 3 more$/,
    );
    const missing = told(...Array.from({ length: 23 }, (_, k) => problem('missing', `file ${k}`)));
    expect([missing.length, missing.at(-1)]).toEqual([22, '  and 3 more (all in out/check.json)']);
  });
});

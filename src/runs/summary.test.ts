import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../config/load.ts';
import type { EvalEvent } from './events.ts';
import { findRuns } from './find.ts';
import { RunWriter } from './folder.ts';
import type { ManifestInput } from './manifest.ts';
import { summariseRun } from './summary.ts';

const text = `{method: dssn, seed: 5, log: {tensorboard: false}, model: {backbone: resnet18},
data: {dataset: camvid, root: /d, split: 1_8, crop_size: 65}, train: {batch_size: 2, iterations: 10, lr: 0.01}}`;
const config = parseConfig(text, 'a.yaml');
const manifest: ManifestInput = { command: [], versions: {}, device: 'cpu', threads: 2, lists: [], iterations: 30 };

let parent: string;
let folder: string;
beforeEach(() => {
  parent = mkdtempSync(path.join(os.tmpdir(), 'dssn-summary-'));
  folder = path.join(parent, 'run');
});
afterEach(() => rmSync(parent, { recursive: true }));

const scores = (miou: number) => ({ miou, iou: { road: miou + 10, sky: miou - 10 } });
const evaluation = (iteration: number, student: number, teacher?: number, round?: number): EvalEvent => ({
  ...{ type: 'eval', iteration, student: scores(student) },
  ...(teacher !== undefined && { teacher: scores(teacher) }),
  ...(round !== undefined && { round }),
});

const begin = (...events: EvalEvent[]): RunWriter => {
  const run = RunWriter.create(folder, { config, manifest });
  for (const event of events) run.append(event);
  return run;
};

const place = (name: string): string => path.join(folder, name);

/** Changes the run's manifest as other programs and times left it. */
function editManifest(change: (manifest: Record<string, unknown>) => void): void {
  const written = JSON.parse(readFileSync(place('manifest.json'), 'utf8')) as Record<string, unknown>;
  change(written);
  writeFileSync(place('manifest.json'), JSON.stringify(written));
}

describe('the summary of a run', () => {
  it('has last and best of both networks, and the classes of the teacher', () => {
    begin(evaluation(10, 40, 50), evaluation(20, 45, 70), evaluation(30, 42, 60)).finish('finished', 30);
    expect(summariseRun(folder)).toMatchObject({
      config,
      summary: {
        ...{ run: folder, status: 'finished', problems: [], method: 'dssn', seed: 5, iterations: 30, of: 30 },
        ...{ student: { last: 42, best: 45 }, teacher: { last: 60, best: 70 } },
        last_evaluation: { iteration: 30, who: 'teacher', iou: { road: 70, sky: 50 } },
      },
    });
  });

  it('before the first evaluation has no scores; without a teacher, the classes of the student', () => {
    const run = begin();
    expect(summariseRun(folder).summary).toMatchObject({ iterations: 0, of: 30, student: null, teacher: null, last_evaluation: null });
    run.append(evaluation(10, 40));
    expect(summariseRun(folder).summary).toMatchObject({
      student: { last: 40, best: 40 },
      teacher: null,
      last_evaluation: { who: 'student' },
    });
    run.finish('interrupted', 10);
  });

  it('of several rounds is that of the last one, which begins a new network', () => {
    begin(evaluation(10, 80, 90, 1), evaluation(20, 30, 20, 2), evaluation(30, 25, 35, 2)).finish('finished', 30);
    expect(summariseRun(folder).summary).toMatchObject({ student: { last: 25, best: 30 }, teacher: { last: 35, best: 35 } });
  });

  it('adds up the time of its sessions: of one that died up to its last event', () => {
    begin(evaluation(10, 40)).finish('finished', 10);
    const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + 1000 * seconds).toISOString();
    editManifest((written) => {
      written.sessions = [
        { started: at(0), ended: at(60), status: 'interrupted' },
        { started: at(1000), status: 'failed' },
        { started: at(2000), ended: at(2001.5), status: 'finished' },
      ];
    });
    writeFileSync(
      place('events.jsonl'),
      [59, 1010, 1020, 2001].map((s, k) => `${JSON.stringify({ type: 'note', iteration: k, text: '', time: at(s) })}\n`).join(''),
    );
    expect(summariseRun(folder).summary).toMatchObject({ seconds: 60 + 20 + 1.5, started: at(0) });
  });
});

describe('the status', () => {
  it('is running while the process lives, here or on another machine, and died afterwards', () => {
    const run = begin(evaluation(10, 40));
    expect(summariseRun(folder).summary.status).toBe('running');
    const lock = readFileSync(place('.lock'), 'utf8');
    writeFileSync(place('.lock'), JSON.stringify({ host: os.hostname(), process: 2 ** 22, began: '1' }));
    expect(summariseRun(folder).summary.status).toBe('died');
    writeFileSync(place('.lock'), JSON.stringify({ host: 'another', process: 1, began: '1' }));
    expect(summariseRun(folder).summary.status).toBe('running');
    rmSync(place('.lock'));
    expect(summariseRun(folder).summary.status).toBe('died');
    writeFileSync(place('.lock'), lock);
    run.finish('interrupted', 10);
    expect(summariseRun(folder).summary.status).toBe('interrupted');
  });
});

describe('runs of early versions', () => {
  it('have the length of their configuration, or, finished, of what was done', () => {
    const run = begin(evaluation(7, 40));
    editManifest((written) => delete written.iterations);
    expect(summariseRun(folder).summary.of).toBe(10);
    run.finish('finished', 7);
    editManifest((written) => delete written.iterations);
    expect(summariseRun(folder).summary.of).toBe(7);
  });

  it('without a manifest have the status of their last event', () => {
    begin(evaluation(7, 40)).finish('failed', 7);
    rmSync(place('manifest.json'));
    expect(summariseRun(folder).summary).toMatchObject({ status: 'failed', problems: [], seconds: null, started: null, seed: 5 });
  });
});

describe('a damaged run', () => {
  const problemsOf = (): readonly string[] => {
    const { status, problems } = summariseRun(folder).summary;
    expect(status).toBe('damaged');
    return problems;
  };
  beforeEach(() => begin(evaluation(10, 40)).finish('finished', 10));

  it('says what is wrong, and all else that it knows', () => {
    rmSync(place('config.json'));
    appendFileSync(place('events.jsonl'), 'rubbish\n');
    expect(problemsOf()).toEqual([
      expect.stringContaining('holds no config.json'),
      expect.stringMatching(/events\.jsonl:3: not a line of JSON/),
    ]);
    expect(summariseRun(folder)).toMatchObject({ config: undefined, summary: { method: 'dssn', seed: 5 } });
  });

  it('may have events that are none, no events, or a manifest of a later version', () => {
    appendFileSync(place('events.jsonl'), `${JSON.stringify({ type: 'eval', iteration: 11, time: 'x' })}\n`);
    expect(problemsOf()).toEqual([expect.stringContaining('events.jsonl: the evaluation at iteration 11 lacks its scores')]);
    rmSync(place('events.jsonl'));
    editManifest((written) => {
      written.format = 99;
    });
    expect(problemsOf()).toEqual([
      expect.stringContaining('manifest.json: written by a later version of dssn'),
      expect.stringContaining('events.jsonl: is missing'),
    ]);
  });
});

describe('finding runs', () => {
  const touch = (...names: string[]): void => {
    for (const name of names) {
      mkdirSync(path.dirname(path.join(parent, name)), { recursive: true });
      writeFileSync(path.join(parent, name), '');
    }
  };

  it('takes folders with two of the three files, at any depth, also in runs; each once', () => {
    touch(
      'b/config.json',
      'b/events.jsonl',
      'a/deep/run/manifest.json',
      'a/deep/run/events.jsonl',
      'b/inner/config.json',
      'b/inner/manifest.json',
    );
    touch(
      'no/config.json',
      'none/.hidden/config.json',
      'none/.hidden/events.jsonl',
      'node_modules/x/config.json',
      'node_modules/x/events.jsonl',
    );
    symlinkSync(path.join(parent, 'b'), path.join(parent, 'a/link'));
    symlinkSync(parent, path.join(parent, 'a/deep/loop'));
    symlinkSync(path.join(parent, 'gone'), path.join(parent, 'a/dangling'));
    expect(findRuns(parent).map((run) => path.relative(parent, run))).toEqual(['a/deep/run', 'a/link', 'a/link/inner']);
    expect(findRuns(path.join(parent, 'b')).map((run) => path.relative(parent, run))).toEqual(['b', 'b/inner']);
  });
});

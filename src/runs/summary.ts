/** What a run has come to, as its folder tells it; also while it is written, and of folders that are damaged. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { DataError, messageOf } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { EVENTS, type LoggedEvent } from './events.ts';
import { eventsOf, RunFolder } from './folder.ts';
import { readManifest } from './inspect.ts';
import { writerOf } from './lock.ts';
import type { Manifest, SessionRecord } from './manifest.ts';
import { findWeights, weightsKinds } from './weights.ts';

/** `died`: its process ended without a word; `damaged`: a file is missing or cannot be read. */
export type RunStatus = SessionRecord['status'] | 'died' | 'damaged';

/** mIoU in percent of the last evaluation and of the best one. */
export interface LastAndBest {
  readonly last: number;
  readonly best: number;
}

/** Names as in the JSON; null where the folder does not tell. */
export interface RunSummary {
  /** The folder. */
  readonly run: string;
  readonly status: RunStatus;
  /** What is wrong with the folder. */
  readonly problems: readonly string[];
  readonly method: string | null;
  readonly seed: number | null;
  /** SGD steps done, of how many. */
  readonly iterations: number;
  readonly of: number | null;
  readonly student: LastAndBest | null;
  readonly teacher: LastAndBest | null;
  /** IoU by class in percent at the last evaluation: of the teacher, where it was evaluated. */
  readonly last_evaluation: {
    readonly iteration: number;
    readonly who: 'student' | 'teacher';
    readonly iou: Readonly<Record<string, number>>;
  } | null;
  /** When its first process began: ISO 8601, UTC. */
  readonly started: string | null;
  /** Time that its processes took together, up to the last event. */
  readonly seconds: number | null;
}

type Evaluation = Extract<LoggedEvent, { type: 'eval' }>;

/** Evaluations of the network that the run ends with: a method of several rounds begins a new one each round. */
function evaluationsOf(events: readonly LoggedEvent[]): Evaluation[] {
  const all = events.filter((event): event is Evaluation => event.type === 'eval');
  return all.filter(({ round }) => round === all.at(-1)?.round);
}

/** @throws DataError where there are none, or an evaluation lacks its scores. */
function wholeEvents(folder: string): LoggedEvent[] {
  const file = path.join(folder, EVENTS);
  if (!existsSync(file)) throw new DataError(`${file}: is missing`);
  const events = eventsOf(folder);
  const empty = events.find(
    (event) => event.type === 'eval' && !(event.student?.iou && (event.teacher === undefined || event.teacher.iou)),
  );
  if (empty) throw new DataError(`${file}: the evaluation at iteration ${empty.iteration} lacks its scores`);
  return events;
}

function lastAndBest(evaluations: readonly Evaluation[], who: 'student' | 'teacher'): LastAndBest | null {
  const values = evaluations.flatMap((event) => event[who]?.miou ?? []);
  return values.length === 0 ? null : { last: values.at(-1)!, best: Math.max(...values) };
}

function scoresOf(events: readonly LoggedEvent[]): Pick<RunSummary, 'student' | 'teacher' | 'last_evaluation'> {
  const evaluations = evaluationsOf(events);
  const last = evaluations.at(-1);
  return {
    student: lastAndBest(evaluations, 'student'),
    teacher: lastAndBest(evaluations, 'teacher'),
    last_evaluation: last
      ? { iteration: last.iteration, who: last.teacher ? 'teacher' : 'student', iou: (last.teacher ?? last.student).iou }
      : null,
  };
}

/** Each session lasts until its end, or, where its process died or still works, until its last event. */
function secondsOf(sessions: readonly SessionRecord[], events: readonly LoggedEvent[]): number | null {
  if (sessions.length === 0) return null;
  const times = events.map(({ time }) => Date.parse(time));
  const lengths = sessions.map(({ started, ended }, index) => {
    const begin = Date.parse(started);
    const next = index + 1 < sessions.length ? Date.parse(sessions[index + 1]!.started) : Number.POSITIVE_INFINITY;
    const last = times.findLast((time) => time >= begin && time < next);
    return (ended === undefined ? (last ?? begin) : Date.parse(ended)) - begin;
  });
  return lengths.reduce((sum, length) => sum + length, 0) / 1000;
}

/** A manifest that says `running` is believed while its process lives, or may live on another machine. */
function statusOf(folder: string, manifest: Manifest | undefined, events: readonly LoggedEvent[]): RunStatus {
  const last = events.at(-1);
  const said = manifest?.status ?? (last?.type === 'end' ? last.status : 'running');
  if (said !== 'running') return said;
  return ['alive', 'elsewhere'].includes(writerOf(folder)) ? 'running' : 'died';
}

/** SGD steps of the whole run; an early version's run tells them where its configuration does, or its end. */
function lengthOf(manifest: Manifest | undefined, config: Config | undefined, done: number): number | null {
  if (manifest?.iterations !== undefined) return manifest.iterations;
  if (manifest?.status === 'finished') return done;
  return config && !['st', 'stpp'].includes(config.method) ? config.train.iterations : null;
}

/** Folders of weights that are there and not whole. */
const damagedWeights = (folder: string): string[] =>
  weightsKinds
    .filter((kind) => existsSync(path.join(folder, kind)) && !findWeights(folder, kind))
    .map((kind) => `${path.join(folder, kind)}: is damaged: a file is missing, or not of the size that its checkpoint.json says`);

/**
 * Reads a run's folder. What is damaged is told among `problems`, and the rest is read all the same.
 * @returns the summary, and the configuration where it can be read
 */
export function summariseRun(folder: string): { readonly summary: RunSummary; readonly config: Config | undefined } {
  const problems: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      problems.push(messageOf(error));
      return undefined;
    }
  };
  const opened = attempt(() => RunFolder.open(folder));
  const manifest = attempt(() => readManifest(folder));
  const events = attempt(() => wholeEvents(folder)) ?? [];
  const done = events.at(-1)?.iteration ?? 0;
  const status = statusOf(folder, manifest, events);
  if (status !== 'running') problems.push(...(attempt(() => damagedWeights(folder)) ?? []));
  return {
    config: opened?.config,
    summary: {
      run: folder,
      status: problems.length > 0 ? 'damaged' : status,
      problems,
      method: opened?.config.method ?? manifest?.method ?? null,
      seed: opened?.config.seed ?? manifest?.seed ?? null,
      iterations: done,
      of: lengthOf(manifest, opened?.config, done),
      ...scoresOf(events),
      started: manifest?.sessions?.[0]?.started ?? null,
      seconds: secondsOf(manifest?.sessions ?? [], events),
    },
  };
}

/**
 * A run folder: `config.json` (resolved), `manifest.json`, `events.jsonl`, and the weights in `latest/`, `best/` and
 * `teacher-best/`. `RunFolder.open` is for readers and changes nothing; `RunWriter` is the one writer.
 */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { CheckpointError, ConfigError, messageOf } from '../base/errors.ts';
import { parseConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { differences } from './compare.ts';
import { EventWriter, type LoggedEvent, type RunEvent, readEvents, type WeightsKind } from './events.ts';
import { lockRun } from './lock.ts';
import { beginSession, type Manifest, type ManifestInput, replaceJson, type SessionRecord } from './manifest.ts';
import { type RunPicture, TensorBoardLog } from './tensorboard.ts';
import { findWeights, RUN_FORMAT, recoverWeights, removeWeights, replaceWeights, type WeightsMark, weightsKinds } from './weights.ts';

export const CONFIG = 'config.json';
export const MANIFEST = 'manifest.json';
export const EVENTS = 'events.jsonl';

/** The files within the folders of weights. */
export const weightsFiles = { student: 'student.safetensors', teacher: 'teacher.safetensors', optimiser: 'optimiser.safetensors' } as const;

/** The names that `--weights` takes beside a file: which folder, whose weights. */
const choices: Readonly<Record<string, { kind: WeightsKind; file: string }>> = {
  'teacher-best': { kind: 'teacher-best', file: weightsFiles.teacher },
  best: { kind: 'best', file: weightsFiles.student },
  'teacher-latest': { kind: 'latest', file: weightsFiles.teacher },
  latest: { kind: 'latest', file: weightsFiles.student },
};

/** What a run was made with; undefined where it does not say. @throws CheckpointError for one that cannot be read. */
export function readManifest(folder: string): Manifest | undefined {
  const file = path.join(folder, MANIFEST);
  if (!existsSync(file)) return undefined;
  try {
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
    if (manifest.format <= RUN_FORMAT) return manifest;
  } catch (error) {
    throw new CheckpointError(`${file}: not valid JSON: ${messageOf(error)}`, { cause: error });
  }
  throw new CheckpointError(`${file}: written by a later version of dssn; allowed: format ${RUN_FORMAT} or earlier`);
}

/** All events of a run so far. @throws DataError for a line that is none. */
export const eventsOf = (folder: string): LoggedEvent[] => readEvents(path.join(folder, EVENTS));

/** A run as a reader sees it. */
export class RunFolder {
  readonly path: string;
  readonly config: Config;

  private constructor(folder: string, config: Config) {
    this.path = folder;
    this.config = config;
  }

  /** Opens a run; throws CheckpointError if the folder is none, ConfigError if its configuration is not valid. */
  static open(folder: string): RunFolder {
    const file = path.join(folder, CONFIG);
    if (!existsSync(folder)) throw new CheckpointError(`${folder}: no such run folder`);
    if (!statSync(folder).isDirectory()) throw new CheckpointError(`${folder}: not a folder; a run is a folder that dssn train wrote`);
    if (!existsSync(file)) throw new CheckpointError(`${folder}: not a run folder: it holds no ${CONFIG}`);
    return new RunFolder(folder, parseConfig(readFileSync(file, 'utf8'), file));
  }

  get manifest(): Manifest | undefined {
    return readManifest(this.path);
  }

  /** All events so far. */
  events(): LoggedEvent[] {
    return eventsOf(this.path);
  }

  /** The whole folder of this kind, if there is one. */
  weights(kind: WeightsKind): { folder: string; mark: WeightsMark } | undefined {
    return findWeights(this.path, kind);
  }

  /**
   * The file of weights that `--weights` names: teacher-best, best, teacher-latest, latest, or a file. Without a name
   * teacher-best, else best, else the latest of the student.
   */
  weightsFile(choice?: string): string {
    if (choice === undefined) {
      const first = (['teacher-best', 'best', 'latest'] as const).map((name) => this.#fileOf(name)).find((file) => file !== undefined);
      if (first) return first;
      throw new CheckpointError(`${this.path}: this run holds no weights yet`);
    }
    if (choice in choices) {
      const file = this.#fileOf(choice);
      if (file) return file;
      const there = Object.keys(choices).filter((name) => this.#fileOf(name));
      throw new CheckpointError(`${this.path}: holds no weights ${choice}; there are: ${there.join(', ') || 'none yet'}`);
    }
    if (existsSync(choice)) return choice;
    throw new CheckpointError(`${choice}: no such file of weights; allowed: ${Object.keys(choices).join(', ')}, or a file`);
  }

  #fileOf(name: string): string | undefined {
    const { kind, file } = choices[name]!;
    const found = this.weights(kind);
    return found && file in found.mark.files ? path.join(found.folder, file) : undefined;
  }
}

export interface RunWriterOptions {
  readonly config: Config;
  readonly manifest: ManifestInput;
  /** Go on from the folder's checkpoint; without one the run starts anew. */
  readonly resume?: boolean;
  /** Start anew even over a checkpoint (quickstart's own runs). */
  readonly replace?: boolean;
  /** Told of what went wrong beside the run, which goes on. */
  readonly warn?: (text: string) => void;
}

/** The writer of a run. */
export class RunWriter {
  readonly path: string;
  /** The checkpoint to go on from; undefined for a new run. */
  readonly checkpoint: { readonly folder: string; readonly mark: WeightsMark } | undefined;
  readonly #events: EventWriter;
  readonly #unlock: () => void;
  readonly #tensorboard: TensorBoardLog | undefined;
  #manifest: Manifest;

  private constructor(folder: string, options: RunWriterOptions) {
    this.path = folder;
    this.#unlock = lockRun(folder);
    this.checkpoint = options.resume ? findWeights(folder, 'latest') : undefined;
    for (const kind of weightsKinds) {
      if (this.checkpoint) recoverWeights(folder, kind);
      else removeWeights(folder, kind);
    }
    this.checkpoint = this.checkpoint && findWeights(folder, 'latest');
    const from = this.checkpoint?.mark.iteration ?? 0;
    const earlier = this.checkpoint ? readManifest(folder) : undefined;
    this.#events = EventWriter.open(path.join(folder, EVENTS), this.checkpoint ? from : -1);
    const { log } = options.config;
    this.#tensorboard = log.tensorboard
      ? new TensorBoardLog(folder, this.checkpoint && from, (text, iteration) => {
          this.#events.append({ type: 'warning', iteration, text });
          options.warn?.(text);
        })
      : undefined;
    this.#manifest = {
      format: RUN_FORMAT,
      status: 'running',
      method: options.config.method,
      seed: options.config.seed,
      lists: options.manifest.lists,
      ...(options.manifest.iterations !== undefined && { iterations: options.manifest.iterations }),
      sessions: [...(earlier?.sessions ?? []).map(closed), beginSession(options.manifest, from)],
    };
    replaceJson(path.join(folder, CONFIG), options.config);
    replaceJson(path.join(folder, MANIFEST), this.#manifest);
  }

  /**
   * Makes the folder, or takes it up again.
   * @throws ConfigError if it holds a checkpoint and neither `resume` nor `replace` is set, if another process writes it, or if
   *   `resume` comes with a configuration that would make another run
   */
  static create(folder: string, options: RunWriterOptions): RunWriter {
    if (!options.replace) inspectRun(folder, options.config, options.resume ?? false);
    mkdirSync(folder, { recursive: true });
    return new RunWriter(folder, options);
  }

  append(event: RunEvent): void {
    this.#events.append(event);
    this.#tensorboard?.append(event);
  }

  /** For people who watch the run: pictures of what the networks make of images. They stand in TensorBoard's files alone. */
  appendPictures(iteration: number, pictures: () => readonly RunPicture[]): void {
    this.#tensorboard?.appendPictures(iteration, pictures);
  }

  /** Replaces a folder of weights as one (`fill` writes the files of `weightsFiles`), and logs it. Write `latest` last. */
  writeWeights(
    kind: WeightsKind,
    info: { readonly iteration: number; readonly values?: Readonly<Record<string, number>> },
    fill: (folder: string) => void,
  ): void {
    this.#events.flush();
    replaceWeights(this.path, kind, info, fill);
    this.append({ type: 'checkpoint', iteration: info.iteration, kind });
  }

  /** Ends this process's part: the `end` event, the manifest, the lock. */
  finish(status: Exclude<SessionRecord['status'], 'running'>, iteration: number): void {
    this.append({ type: 'end', iteration, status });
    this.#events.flush();
    this.#events.close();
    this.#tensorboard?.close();
    const sessions = this.#manifest.sessions.with(-1, {
      ...this.#manifest.sessions.at(-1)!,
      ended: new Date().toISOString(),
      to: iteration,
      status,
    });
    this.#manifest = { ...this.#manifest, status, sessions };
    replaceJson(path.join(this.path, MANIFEST), this.#manifest);
    this.#unlock();
  }
}

/** A session that a crash left open. */
function closed(session: SessionRecord): SessionRecord {
  return session.status === 'running' ? { ...session, status: 'failed' } : session;
}

/** Whether the folder holds weights of any kind. */
export function holdsCheckpoint(folder: string): boolean {
  return weightsKinds.some((kind) => findWeights(folder, kind) !== undefined);
}

/**
 * What a training into this folder would do: begin, go on, or nothing, since the run came to its end. Costs nothing, so that a
 * training can be refused before anything is built.
 * @throws CheckpointError for a damaged folder of weights, which beginning anew would remove; ConfigError if `folder` is a file;
 *   if it holds a checkpoint and `resume` is not set; if `resume` comes with a configuration that would make another run
 */
export function inspectRun(folder: string, config: Config, resume: boolean): 'new' | 'resume' | 'finished' {
  if (existsSync(folder) && !statSync(folder).isDirectory()) throw new ConfigError(`${folder}: is a file; --out must name a folder`);
  for (const kind of weightsKinds)
    if (existsSync(path.join(folder, kind)) && !findWeights(folder, kind))
      throw new CheckpointError(
        `${path.join(folder, kind)}: is damaged: a file is missing, or not of the size that its checkpoint.json says; mend it, or remove this folder`,
      );
  if (!holdsCheckpoint(folder)) return 'new';
  if (!resume) throw new ConfigError(`${folder}: holds a checkpoint already; add --resume to go on from it, or give another --out`);
  const differing = differences(RunFolder.open(folder).config, config);
  if (differing.length > 0) {
    const lines = differing.map(({ key, before, now }) => `  ${key}: ${JSON.stringify(before)} in the run, ${JSON.stringify(now)} now`);
    throw new ConfigError(`${folder}: cannot go on with another configuration than the run began with\n${lines.join('\n')}`);
  }
  if (readManifest(folder)?.status === 'finished') return 'finished';
  return findWeights(folder, 'latest') ? 'resume' : 'new';
}

/**
 * A run folder: `config.json` (resolved), `manifest.json`, `events.jsonl`, and the weights in `latest/`, `best/` and
 * `teacher-best/`. `RunFolder.open` is for readers and changes nothing; `RunWriter` is the one writer.
 */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { CheckpointError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { makeFolder } from '../formats/files.ts';
import type { Difference } from './compare.ts';
import { EVENTS, EventWriter, type LoggedEvent, type RunEvent, readEvents, type WeightsKind } from './events.ts';
import { CONFIG, checkNotDamaged, inspectRun, MANIFEST, readConfig, readManifest } from './inspect.ts';
import { lockRun } from './lock.ts';
import { beginSession, type Manifest, type ManifestInput, replaceJson, type SessionRecord } from './manifest.ts';
import { type RunPicture, TensorBoardLog } from './tensorboard.ts';
import {
  findWeights,
  type PassedOver,
  type ReplaceInfo,
  RUN_FORMAT,
  recoverWeights,
  removeWeights,
  replaceWeights,
  soundCheckpoint,
  verifyWeights,
  type Weights,
  weightsKinds,
} from './weights.ts';
import { writing } from './writing.ts';

/** The files within the folders of weights. */
export const weightsFiles = { student: 'student.safetensors', teacher: 'teacher.safetensors', optimiser: 'optimiser.safetensors' } as const;

/** The names that `--weights` takes beside a file: which folder, whose weights. */
const choices: Readonly<Record<string, { kind: WeightsKind; file: string }>> = {
  'teacher-best': { kind: 'teacher-best', file: weightsFiles.teacher },
  best: { kind: 'best', file: weightsFiles.student },
  'teacher-latest': { kind: 'latest', file: weightsFiles.teacher },
  latest: { kind: 'latest', file: weightsFiles.student },
};

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
    if (!existsSync(folder)) throw new CheckpointError(`${folder}: no such run folder`);
    if (!statSync(folder).isDirectory()) throw new CheckpointError(`${folder}: not a folder; a run is a folder that dssn train wrote`);
    return new RunFolder(folder, readConfig(folder));
  }

  get manifest(): Manifest | undefined {
    return readManifest(this.path);
  }

  /** All events so far. */
  events(): LoggedEvent[] {
    return eventsOf(this.path);
  }

  /** The whole folder of this kind, if there is one. */
  weights(kind: WeightsKind): Weights | undefined {
    return findWeights(this.path, kind);
  }

  /**
   * The file of weights that `--weights` names: teacher-best, best, teacher-latest, latest, or a file. Without a name
   * teacher-best, else best, else the latest of the student.
   * @throws CheckpointError where there is none, and for one of the run's own that is damaged.
   */
  weightsFile(choice?: string): string {
    if (choice === undefined) {
      const names = ['teacher-best', 'best', 'latest'] as const;
      const first = names.map((name) => this.#fileOf(name)).find((found) => found !== undefined);
      if (first) return sound(first);
      throw new CheckpointError(`${this.path}: this run holds no weights yet`);
    }
    if (choice in choices) {
      const found = this.#fileOf(choice);
      if (found) return sound(found);
      const there = Object.keys(choices).filter((name) => this.weights(choices[name]!.kind));
      throw new CheckpointError(`${this.path}: holds no weights ${choice}; there are: ${there.join(', ') || 'none yet'}`);
    }
    if (existsSync(choice)) return choice;
    throw new CheckpointError(`${choice}: no such file of weights; allowed: ${Object.keys(choices).join(', ')}, or a file`);
  }

  #fileOf(name: string): FileOfWeights | undefined {
    const { kind, file } = choices[name]!;
    const found = this.weights(kind);
    if (!found) checkNotDamaged(this.path, kind);
    if (!found || !(file in found.mark.files)) return undefined;
    return { ...found, file };
  }
}

interface FileOfWeights extends Weights {
  readonly file: string;
}

/** The path of a file whose bytes are as they were written. */
function sound(weights: FileOfWeights): string {
  verifyWeights(weights, [weights.file]);
  return path.join(weights.folder, weights.file);
}

export interface RunWriterOptions {
  readonly config: Config;
  readonly manifest: ManifestInput;
  /** Go on from the folder's checkpoint; without one the run starts anew. */
  readonly resume?: boolean;
  /** Start anew even over a checkpoint (quickstart's own runs). */
  readonly replace?: boolean;
  /** With `resume`: keys, or sections, of the configuration that may differ from the run's. */
  readonly allowChange?: readonly string[];
  /** Lists that have changed, as was allowed: for the record. */
  readonly changedLists?: readonly Difference[];
  /** Told of what went wrong beside the run, which goes on. */
  readonly warn?: (text: string) => void;
}

/** The writer of a run. */
export class RunWriter {
  readonly path: string;
  /** The checkpoint to go on from; undefined for a new run. */
  readonly checkpoint: Weights | undefined;
  /** Damaged checkpoints that were set aside for it. */
  readonly passedOver: readonly PassedOver[];
  readonly #events: EventWriter;
  readonly #unlock: () => void;
  readonly #keep: number;
  readonly #tensorboard: TensorBoardLog | undefined;
  #manifest: Manifest;
  /** What the run becomes with the first checkpoint of this process: until then it is what it was. */
  #pending: Pick<RunWriterOptions, 'config' | 'manifest'> | undefined;

  private constructor(folder: string, options: RunWriterOptions, changed: readonly Difference[], unlock: () => void) {
    this.path = folder;
    this.#unlock = unlock;
    this.#keep = options.config.train.keep_checkpoints;
    this.passedOver = options.resume ? soundCheckpoint(folder).passedOver : [];
    this.checkpoint = options.resume ? findWeights(folder, 'latest') : undefined;
    for (const kind of weightsKinds) {
      if (this.checkpoint) recoverWeights(folder, kind);
      else removeWeights(folder, kind);
    }
    this.checkpoint = this.checkpoint && findWeights(folder, 'latest');
    const from = this.checkpoint?.mark.iteration ?? 0;
    const earlier = this.checkpoint ? readManifest(folder) : undefined;
    this.#events = EventWriter.open(path.join(folder, EVENTS), this.checkpoint ? from : -1, this.checkpoint?.mark.values.evaluated);
    const { log } = options.config;
    this.#tensorboard = log.tensorboard
      ? new TensorBoardLog(folder, this.checkpoint && from, (text, iteration) => {
          writing(folder, () => this.#events.append({ type: 'warning', iteration, text }));
          options.warn?.(text);
        })
      : undefined;
    this.#manifest = {
      format: RUN_FORMAT,
      status: 'running',
      ...made(earlier ?? { ...options.config, ...options.manifest }),
      sessions: [...(earlier?.sessions ?? []).map(closed), beginSession(options.manifest, from, changed)],
    };
    // In this order: a run that goes on with another configuration must not be one that has finished with it.
    replaceJson(path.join(folder, MANIFEST), this.#manifest);
    if (earlier) this.#pending = options;
    else replaceJson(path.join(folder, CONFIG), options.config);
  }

  /**
   * Makes the folder, or takes it up again.
   * @throws ConfigError if it holds a checkpoint and neither `resume` nor `replace` is set, if another process writes it, or if
   *   `resume` comes with a configuration that would make another run; CheckpointError if no checkpoint to resume from is whole,
   *   or if the folder cannot be written
   */
  static create(folder: string, options: RunWriterOptions): RunWriter {
    const { changed } = options.replace
      ? { changed: [] }
      : inspectRun(folder, options.config, options.resume ?? false, options.allowChange);
    return writing(folder, () => {
      makeFolder(folder);
      const unlock = lockRun(folder);
      try {
        return new RunWriter(folder, options, [...changed, ...(options.changedLists ?? [])], unlock);
      } catch (error) {
        unlock();
        throw error;
      }
    });
  }

  append(event: RunEvent): void {
    writing(this.path, () => this.#events.append(event));
    this.#tensorboard?.append(event);
  }

  /** All events so far. */
  events(): LoggedEvent[] {
    return eventsOf(this.path);
  }

  /** For people who watch the run: pictures of what the networks make of images. They stand in TensorBoard's files alone. */
  appendPictures(iteration: number, pictures: () => readonly RunPicture[]): void {
    this.#tensorboard?.appendPictures(iteration, pictures);
  }

  /** Replaces a folder of weights as one (`fill` writes the files of `weightsFiles`), and logs it. Write `latest` last. */
  writeWeights(kind: WeightsKind, info: Omit<ReplaceInfo, 'keep'>, fill: (folder: string) => void): void {
    writing(this.path, () => {
      this.#events.flush();
      replaceWeights(this.path, kind, { ...info, keep: this.#keep }, fill);
    });
    if (kind === 'latest') writing(this.path, () => this.#settle());
    this.append({ type: 'checkpoint', iteration: info.iteration, kind });
  }

  /** From here on the run is what this process was told to make of it. */
  #settle(): void {
    if (!this.#pending) return;
    const { config, manifest } = this.#pending;
    this.#manifest = { ...this.#manifest, ...made({ ...config, ...manifest }) };
    replaceJson(path.join(this.path, CONFIG), config);
    replaceJson(path.join(this.path, MANIFEST), this.#manifest);
    this.#pending = undefined;
  }

  /**
   * Ends this process's part: the `end` event, the manifest, the lock.
   * @throws CheckpointError if that cannot be written, but for a run that failed already: its own error is the news
   */
  finish(status: Exclude<SessionRecord['status'], 'running'>, iteration: number): void {
    try {
      this.append({ type: 'end', iteration, status });
      writing(this.path, () => {
        this.#events.flush();
        const ended = { ...this.#manifest.sessions.at(-1)!, ended: new Date().toISOString(), to: iteration, status };
        this.#manifest = { ...this.#manifest, status, sessions: this.#manifest.sessions.with(-1, ended) };
        if (status === 'finished') this.#settle();
        replaceJson(path.join(this.path, MANIFEST), this.#manifest);
      });
    } catch (error) {
      if (status !== 'failed') throw error;
    } finally {
      this.#unlock();
      this.#events.close();
      this.#tensorboard?.close();
    }
  }
}

type Made = Pick<Manifest, 'method' | 'seed' | 'lists' | 'iterations'>;

/** What a run learns by and from, and how long. */
const made = ({ method, seed, lists, iterations }: Made): Made => ({
  method,
  seed,
  lists,
  ...(iterations !== undefined && { iterations }),
});

/** A session that a crash left open. */
function closed(session: SessionRecord): SessionRecord {
  return session.status === 'running' ? { ...session, status: 'failed' } : session;
}

/** Who renders: worker threads, or without any the main thread itself. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ConfigError, DataError, messageOf } from '../../base/errors.ts';
import { JobQueue } from './queue.ts';
import { Renderer, type RenderSetup } from './render.ts';
import type { FinishedJob, WorkerSetup } from './worker.ts';

/** Renders published jobs and tells of each that is done. */
export interface Pool {
  /** Jobs below `count` may be rendered. */
  publish(count: number): void;
  /** While true the process stays alive to hear of finished jobs. */
  waiting(active: boolean): void;
  close(): Promise<void>;
}

export interface PoolEvents {
  /** Job `job` is rendered, or could not be. */
  readonly finished: (job: number, error?: Error) => void;
  /** The pool is gone. */
  readonly broken: (error: Error) => void;
}

/** How long a worker may take to end its present job before it is ended from outside, in milliseconds. */
const CLOSE_PATIENCE_MS = 5000;

/** Most workers of a process that were not asked for by number. */
const MOST_WORKERS = 8;

/**
 * Worker threads for `data.workers`: a number as it is; 'auto' leaves one core of each of the machine's `processes` to the
 * network, and takes 1 to 8.
 */
export function workersFor(setting: 'auto' | number, processes = 1, cores = availableParallelism()): number {
  return setting === 'auto' ? Math.max(1, Math.min(MOST_WORKERS, Math.floor(cores / processes) - 1)) : setting;
}

/**
 * The compiled file of a worker beside the module at `url`. Node 20 cannot start a worker from TypeScript, so a module that
 * runs from `src` takes the worker from `dist`.
 */
export function workerFile(url: string, name = 'worker'): string {
  const script = new URL(`./${name}.js`, url);
  if (url.endsWith('.ts')) script.pathname = script.pathname.replace(/\/src\/(?!.*\/src\/)/, '/dist/');
  const path = fileURLToPath(script);
  if (!existsSync(path)) throw new ConfigError(`data.workers: ${path} is not there; build it by 'npm run build', or set data.workers to 0`);
  return path;
}

/** An error of a worker, again of the class that it had there. */
function revive({ code, message }: { readonly code: string; readonly message: string }): Error {
  return code === 'data' ? new DataError(message) : new Error(message);
}

/** Worker threads that take jobs from one queue. */
export class WorkerPool implements Pool {
  private readonly queue = new JobQueue();
  private readonly workers: readonly Worker[];
  private readonly exits: readonly Promise<void>[];
  private closing = false;

  constructor(setup: RenderSetup, count: number, events: PoolEvents) {
    const file = workerFile(import.meta.url);
    const workerData: WorkerSetup = { ...setup, queue: this.queue.buffer };
    this.workers = Array.from({ length: count }, () => new Worker(file, { workerData, execArgv: [] }));
    for (const worker of this.workers) {
      worker.unref();
      worker.on('message', ({ job, error }: FinishedJob) => events.finished(job, error && revive(error)));
      worker.on('error', (error) => events.broken(new DataError(`a loader worker failed: ${messageOf(error)}`, { cause: error })));
    }
    this.exits = this.workers.map(
      (worker) =>
        new Promise((resolve) => {
          worker.once('exit', (code) => {
            if (!this.closing) events.broken(new DataError(`a loader worker ended unexpectedly (exit code ${code})`));
            resolve();
          });
        }),
    );
  }

  publish(count: number): void {
    this.queue.publish(count);
  }

  waiting(active: boolean): void {
    for (const worker of this.workers) {
      if (active) worker.ref();
      else worker.unref();
    }
  }

  async close(): Promise<void> {
    this.closing = true;
    this.queue.stop();
    this.waiting(true);
    const impatience = setTimeout(() => {
      for (const worker of this.workers) void worker.terminate();
    }, CLOSE_PATIENCE_MS);
    await Promise.all(this.exits);
    clearTimeout(impatience);
  }
}

/** The main thread, one job after the other. */
export class InlinePool implements Pool {
  private readonly renderer: Renderer;
  private readonly events: PoolEvents;
  private published = 0;
  private next = 0;
  private running: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(setup: RenderSetup, events: PoolEvents) {
    this.renderer = new Renderer(setup);
    this.events = events;
  }

  publish(count: number): void {
    this.published = count;
    this.running = this.running.then(() => this.drain());
  }

  private async drain(): Promise<void> {
    while (this.next < this.published && !this.closed) {
      const job = this.next++;
      try {
        await this.renderer.render(job);
        this.events.finished(job);
      } catch (error) {
        this.events.finished(job, error instanceof Error ? error : new Error(String(error)));
      }
      // Where every sample comes from the cache nothing else would let signals and timers through.
      await setImmediate();
    }
  }

  /** A job that runs keeps the process alive by itself. */
  waiting(): void {}

  async close(): Promise<void> {
    this.closed = true;
    await this.running;
  }
}

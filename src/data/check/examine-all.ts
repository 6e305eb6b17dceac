/** Many samples examined at once, by worker threads. */
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { DataError, messageOf } from '../../base/errors.ts';
import type { LabelTable } from '../catalog/dataset.ts';
import { workerFile } from '../loader/pool.ts';
import { JobQueue } from '../loader/queue.ts';
import type { Sample } from '../types.ts';
import { type Examination, examineSample } from './examine.ts';
import type { Examined, ExamineWorkerSetup } from './worker.ts';

export interface ExamineSetup {
  readonly root: string;
  readonly samples: readonly Sample[];
  /** So many of the samples, the first ones, have label maps to be read. */
  readonly labelled: number;
  /** Stored label or colour -> train label. */
  readonly labelMap: LabelTable;
}

/**
 * Examines every sample; the result is in the samples' order.
 * @param workers threads; 0: the calling one.
 * @param onDone called after each sample with the number of those done.
 */
export async function examineAll(setup: ExamineSetup, workers: number, onDone: (done: number) => void): Promise<Examination[]> {
  if (workers > 0 && setup.samples.length > 0) return examineByWorkers(setup, workers, onDone);
  const found: Examination[] = [];
  for (const [job, sample] of setup.samples.entries()) {
    found.push(await examineSample(setup.root, sample, job < setup.labelled ? setup.labelMap : undefined));
    onDone(found.length);
    await setImmediate();
  }
  return found;
}

async function examineByWorkers(setup: ExamineSetup, count: number, onDone: (done: number) => void): Promise<Examination[]> {
  const queue = new JobQueue();
  const workerData: ExamineWorkerSetup = { ...setup, queue: queue.buffer };
  const file = workerFile(import.meta.url);
  const threads = Array.from({ length: Math.min(count, setup.samples.length) }, () => new Worker(file, { workerData, execArgv: [] }));
  const found = new Array<Examination>(setup.samples.length);
  let done = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      for (const thread of threads) {
        thread.on('message', ({ job, found: one }: Examined) => {
          found[job] = one;
          done++;
          onDone(done);
          if (done === found.length) resolve();
        });
        thread.on('error', (error) => reject(new DataError(`a worker that examines files failed: ${messageOf(error)}`, { cause: error })));
        thread.on('exit', (code) => reject(new DataError(`a worker that examines files ended unexpectedly (exit code ${code})`)));
      }
      queue.publish(setup.samples.length);
    });
    return found;
  } finally {
    queue.stop();
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}

/** A loader worker: takes jobs from the queue until it is told to stop. */
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../../base/assert.ts';
import { DssnError, messageOf } from '../../base/errors.ts';
import { JobQueue } from './queue.ts';
import { Renderer, type RenderSetup } from './render.ts';

export interface WorkerSetup extends RenderSetup {
  readonly queue: SharedArrayBuffer;
}

/** What a worker says of each job. */
export interface FinishedJob {
  readonly job: number;
  readonly error?: { readonly code: string; readonly message: string };
}

async function work(setup: WorkerSetup, say: (finished: FinishedJob) => void): Promise<void> {
  const queue = new JobQueue(setup.queue);
  const renderer = new Renderer(setup);
  for (let job = queue.take(); job !== undefined; job = queue.take()) {
    try {
      await renderer.render(job);
      say({ job });
    } catch (error) {
      const code = error instanceof DssnError ? error.code : 'internal';
      say({
        job,
        error: { code, message: code === 'internal' && error instanceof Error ? (error.stack ?? error.message) : messageOf(error) },
      });
    }
  }
}

invariant(parentPort !== null, 'the loader worker runs only as a worker thread');
const port = parentPort;
await work(workerData as WorkerSetup, (finished) => port.postMessage(finished));

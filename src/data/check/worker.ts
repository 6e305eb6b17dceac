/** A worker thread of `examineAll`: takes samples from the queue until it is told to stop. */
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../../base/assert.ts';
import { JobQueue } from '../loader/queue.ts';
import { type Examination, examineSample } from './examine.ts';
import type { ExamineSetup } from './examine-all.ts';

export interface ExamineWorkerSetup extends ExamineSetup {
  readonly queue: SharedArrayBuffer;
}

/** What a worker says of each sample. */
export interface Examined {
  readonly job: number;
  readonly found: Examination;
}

invariant(parentPort !== null, 'the worker of examineAll runs only as a worker thread');
const port = parentPort;
const { root, samples, labelled, labelMap, queue: buffer } = workerData as ExamineWorkerSetup;
const queue = new JobQueue(buffer);
for (let job = queue.take(); job !== undefined; job = queue.take()) {
  const found = await examineSample(root, samples[job]!, job < labelled ? labelMap : undefined);
  port.postMessage({ job, found } satisfies Examined);
}

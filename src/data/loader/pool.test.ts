import { describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '../../base/errors.ts';
import { WorkerPool, workerFile, workersFor } from './pool.ts';
import { JobQueue } from './queue.ts';
import { allocateCache } from './shared-cache.ts';

describe('JobQueue', () => {
  it('hands every published job out once, through whichever door, and none after the stop', () => {
    const queue = new JobQueue();
    const door = new JobQueue(queue.buffer);
    queue.publish(3);
    expect([queue.take(), door.take(), queue.take()]).toEqual([0, 1, 2]);
    queue.publish(5);
    expect(door.take()).toBe(3);
    queue.stop();
    expect(door.take()).toBeUndefined();
  });
});

describe('workerFile', () => {
  it('lies in dist for a module of src, and says how to build it where it is not there', () => {
    expect(workerFile(new URL('./pool.ts', import.meta.url).href)).toMatch(/\/dist\/data\/loader\/worker\.js$/);
    expect(() => workerFile('file:///src/somewhere/src/data/x.ts')).toThrow(ConfigError);
    expect(() => workerFile('file:///src/somewhere/src/data/x.ts')).toThrow(
      /\/src\/somewhere\/dist\/data\/worker\.js is not there; build it/,
    );
  });
});

describe('workersFor', () => {
  it('takes a number as it is, and else leaves one core of a process to the network, between 1 and 8', () => {
    expect(workersFor(0)).toBe(0);
    expect(workersFor(3, 4, 64)).toBe(3);
    expect([1, 2, 4, 64].map((cores) => workersFor('auto', 1, cores))).toEqual([1, 1, 3, 8]);
    expect(workersFor('auto', 4, 16)).toBe(3);
  });
});

describe('WorkerPool', () => {
  it('says so when a worker dies, and closes all the same', async () => {
    // Slots too small for their shape: the worker fails before its first job.
    const setup = {
      ...{ root: '', labelled: [], unlabelled: [], labelMap: new Uint8Array(256), longSide: null, scaleBase: null, numAug: 0, seed: 0 },
      shape: { batchSize: 1, cropSize: 8, streams: [0] },
      slots: [new SharedArrayBuffer(16)],
      cache: allocateCache(0, 0),
    };
    let pool: WorkerPool | undefined;
    const error = await new Promise<Error>((resolve) => {
      pool = new WorkerPool(setup, 1, { finished: () => {}, broken: resolve });
      pool.waiting(true);
    });
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/a loader worker failed: .*length/i);
    await pool?.close();
  });
});

/** The addon in several threads of one process: each has its own handles and its own count of them. */
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { engine } from './binding.ts';
import { liveTensors, ops, scope, tensor } from './index.ts';

interface Answer {
  readonly live: number;
  readonly values: Float32Array;
}

function compute(offset: number): Promise<Answer> {
  const worker = new Worker(new URL('../../test/support/addon-worker.mjs', import.meta.url), {
    workerData: { addon: engine.addon, offset, rounds: 50 },
  });
  return new Promise((resolve, reject) => {
    let answer: Answer | undefined;
    worker.on('message', (message: Answer) => {
      answer = message;
    });
    worker.on('error', reject);
    worker.on('exit', (code) => (answer && code === 0 ? resolve(answer) : reject(new Error(`the thread ended with ${code}`))));
  });
}

it('loads in four threads beside the main one, twice, and ends them cleanly', async () => {
  const before = liveTensors();
  using _ = scope();
  for (let round = 0; round < 2; round++) {
    const answers = await Promise.all([0, 1, 2, 3].map(compute));
    for (const [offset, { live, values }] of answers.entries()) {
      const matrix = tensor(
        Float32Array.from({ length: 64 * 64 }, (_, i) => (i + offset) % 7),
        [64, 64],
      );
      expect(ops.matmul(matrix, matrix).toTyped()).toEqual(values);
      expect(live).toBe(1);
    }
  }
  expect(liveTensors()).toBe(before + 16);
});

/** A thread that loads the addon by itself: a product of two matrices, whose handles nobody frees before the thread ends. */
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

const addon = createRequire(import.meta.url)(workerData.addon);
const matmul = addon.operator('aten::matmul', '');
const matrix = addon.fromTyped(
  Float32Array.from({ length: 64 * 64 }, (_, i) => (i + workerData.offset) % 7),
  [64, 64],
  false,
);
let product = matrix;
for (let k = 0; k < workerData.rounds; k++) product = matmul(matrix, matrix);
const before = addon.liveTensors();
product.free();
parentPort.postMessage({ live: before - addon.liveTensors(), values: addon.toTyped(matmul(matrix, matrix)) });

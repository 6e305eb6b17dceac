import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `work` while no other process of this user on this machine runs work under the same name.
 * The lock is an abstract Unix socket: the kernel frees it when its holder dies, however it dies, so none is ever left behind.
 *
 * @template T
 * @param {string} name for example the folder that is guarded
 * @param {() => T | Promise<T>} work
 * @param {() => void} [onWait] told once if another process holds the lock
 * @returns {Promise<T>} what `work` gave
 */
export async function withLock(name, work, onWait) {
  const address = `\0dssn-${process.getuid?.() ?? 0}-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
  let server = await claim(address);
  if (!server) onWait?.();
  while (!server) {
    await sleep(100);
    server = await claim(address);
  }
  try {
    return await work();
  } finally {
    server.close();
  }
}

/**
 * @param {string} address
 * @returns {Promise<import('node:net').Server | undefined>} undefined where another process holds it
 */
function claim(address) {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', (error) => {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(address, () => {
      server.unref();
      resolve(server);
    });
  });
}

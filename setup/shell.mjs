import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * What set-up needs of the machine, so that tests can put another in its place.
 *
 * @typedef {object} RunOptions
 * @property {boolean} [show] let the command write to the terminal (its output is then not returned)
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env] added to the environment
 *
 * @typedef {{ status: number, stdout: string, stderr: string }} RunResult
 *
 * @typedef {object} Shell
 * @property {(command: string, args: string[], options?: RunOptions) => RunResult} run never throws; status 127 where the command is missing
 * @property {(command: string) => boolean} has is it on the search path?
 * @property {boolean} root
 * @property {boolean} terminal can a person be asked for a password?
 */

/** @type {Shell} */
export const machine = {
  run(command, args, options = {}) {
    const result = spawnSync(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      // Everything goes to stderr: stdout belongs to the program that asked for the set-up.
      stdio: options.show ? ['inherit', 2, 2] : ['ignore', 'pipe', 'pipe'],
    });
    const stderr = result.error ? `${result.error.message}\n` : (result.stderr ?? '');
    return { status: result.status ?? (result.error ? 127 : 1), stdout: result.stdout ?? '', stderr };
  },
  has(command) {
    return (process.env.PATH ?? '').split(delimiter).some((folder) => isExecutable(join(folder, command)));
  },
  root: process.getuid?.() === 0,
  terminal: Boolean(process.stdin.isTTY && process.stderr.isTTY),
};

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** A failure of set-up that its user can mend: the message is all that is shown. */
export class SetupError extends Error {
  /** @override */
  name = 'SetupError';
}

/**
 * @param {string} text
 * @param {number} [lines]
 * @returns {string} the last lines, for an error message
 */
export function tail(text, lines = 30) {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

/** Runs `dssn` as users do: a process of `bin/dssn.mjs`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

export const projectRoot = resolve(import.meta.dirname, '../..');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts a command; what it prints is gathered. */
export function start(...args: readonly string[]): Running {
  const child = spawn(process.execPath, [join(projectRoot, 'bin', 'dssn.mjs'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (chunk) => {
      said[stream] += String(chunk);
    });
  }
  return { process: child, ended: new Promise((settle) => child.once('close', (code) => settle({ code, ...said }))) };
}

/** Runs a command to its end. */
export function dssn(...args: readonly string[]): Promise<Ended> {
  return start(...args).ended;
}

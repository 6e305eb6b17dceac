/** One writer a run folder: two trainings into one folder would spoil both. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ConfigError } from '../base/errors.ts';

interface Holder {
  readonly host: string;
  readonly process: number;
  /** When the process began, in clock ticks since the machine did: tells a process from a later one of the same number. */
  readonly began: string;
}

/** Field 22 of /proc/PID/stat; undefined if there is no such process. The name before it may hold blanks, so count from its `)`. */
function beginningOf(processId: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${processId}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/**
 * Takes the folder for this process; a lock left by a dead process of this machine, or by another machine, does not count.
 * @returns gives the folder back
 * @throws ConfigError if a living process of this machine holds it
 */
export function lockRun(folder: string): () => void {
  const file = path.join(folder, '.lock');
  const stale = existsSync(file);
  const holder = readHolder(file);
  const here = holder?.host === os.hostname();
  if (holder && here && holder.process !== process.pid && beginningOf(holder.process) === holder.began)
    throw new ConfigError(`${folder}: process ${holder.process} is writing this run; wait for it, stop it, or give another --out`);
  const own: Holder = { host: os.hostname(), process: process.pid, began: beginningOf(process.pid) ?? '' };
  // Whatever lies there was there before: nobody's. What comes between is a living process's and stays.
  if (stale) rmSync(file, { force: true });
  try {
    // Only one of two that come at the same time makes the file.
    writeFileSync(file, `${JSON.stringify(own)}\n`, { flag: 'wx' });
  } catch (cause) {
    throw new ConfigError(`${folder}: another process has just begun to write this run; wait for it, or give another --out`, { cause });
  }
  return () => rmSync(file, { force: true });
}

/** One writer a run folder: two trainings into one folder would spoil both. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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

const isAlive = (holder: Holder | undefined): boolean =>
  holder !== undefined && holder.host === os.hostname() && holder.process !== process.pid && beginningOf(holder.process) === holder.began;

/** Whether somebody writes a run: `elsewhere` is a process of another machine, which cannot be asked from here. */
export function writerOf(folder: string): 'none' | 'alive' | 'dead' | 'elsewhere' {
  const holder = readHolder(path.join(folder, '.lock'));
  if (!holder) return 'none';
  if (holder.host !== os.hostname()) return 'elsewhere';
  return beginningOf(holder.process) === holder.began ? 'alive' : 'dead';
}

const inUse = (folder: string, { process: id }: Holder): ConfigError =>
  new ConfigError(`${folder}: process ${id} is writing this run; wait for it, stop it, or give another --out`);

/** Takes away a lock that counts no more. What is moved is looked at again, since another process may have been faster. */
function removeStale(folder: string, file: string): void {
  const moved = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, moved);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const holder = readHolder(moved);
  if (isAlive(holder)) {
    linkSync(moved, file);
    rmSync(moved);
    throw inUse(folder, holder!);
  }
  rmSync(moved);
}

/**
 * Takes the folder for this process; a lock left by a dead process of this machine, or by another machine, does not count.
 * @returns gives the folder back
 * @throws ConfigError if a living process of this machine holds it
 */
export function lockRun(folder: string): () => void {
  const file = path.join(folder, '.lock');
  const own: Holder = { host: os.hostname(), process: process.pid, began: beginningOf(process.pid) ?? '' };
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(own)}\n`);
  try {
    for (;;) {
      try {
        // A link appears with its content, and for one of two that come at the same time.
        linkSync(draft, file);
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = readHolder(file);
      if (isAlive(holder)) throw inUse(folder, holder!);
      removeStale(folder, file);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return () => rmSync(file, { force: true });
}

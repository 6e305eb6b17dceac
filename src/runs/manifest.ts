/** `manifest.json`: what a run was made with, so that its numbers can be made again: versions, machine, lists, seed, command. */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { dirname } from 'node:path';
import { syncPath } from '../formats/files.ts';

/** A list of images as it was read. */
export interface ListRecord {
  readonly name: 'labelled' | 'unlabelled' | 'val';
  /** The list, or the folder whose images they are. */
  readonly file: string;
  readonly images: number;
  /** SHA-256 of the list, hexadecimal; of a folder, that of a list of its images, one a line. */
  readonly sha256: string;
}

/** One process that worked on the run. */
export interface SessionRecord {
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly ended?: string;
  /** SGD steps done before and after. */
  readonly from: number;
  readonly to?: number;
  readonly status: 'running' | 'finished' | 'interrupted' | 'failed';
  readonly command: readonly string[];
  /** Keys of the configuration that were allowed to change when this session began. */
  readonly changed?: readonly { readonly key: string; readonly before: unknown; readonly now: unknown }[];
  readonly machine: MachineRecord;
  readonly versions: Readonly<Record<string, string>>;
}

export interface MachineRecord {
  readonly host: string;
  readonly system: string;
  readonly cpu: string;
  readonly logical_cores: number;
  readonly memory_gb: number;
  /** Where tensors lived: `cpu`, `cuda:0`. */
  readonly device: string;
  readonly threads: number;
}

export interface Manifest {
  readonly format: number;
  readonly status: SessionRecord['status'];
  readonly method: string;
  readonly seed: number;
  readonly lists: readonly ListRecord[];
  /** SGD steps of the whole run. Runs of early versions lack it. */
  readonly iterations?: number;
  /** In order; more than one after a resume. */
  readonly sessions: readonly SessionRecord[];
}

/** What the trainer knows and this folder does not. */
export interface ManifestInput {
  readonly command: readonly string[];
  /** `dssn`, `engine`; `node` is added. */
  readonly versions: Readonly<Record<string, string>>;
  readonly device: string;
  readonly threads: number;
  readonly lists: readonly ListRecord[];
  readonly iterations?: number;
}

/** The record of a list file, or of the lines in `listing`. */
export function listRecord(
  name: ListRecord['name'],
  file: string,
  images: number,
  listing: string | Uint8Array = readFileSync(file),
): ListRecord {
  return { name, file, images, sha256: createHash('sha256').update(listing).digest('hex') };
}

/** The session that begins now. */
export function beginSession(input: ManifestInput, from: number, changed: SessionRecord['changed'] = []): SessionRecord {
  return {
    started: new Date().toISOString(),
    from,
    status: 'running',
    command: input.command,
    ...(changed.length > 0 && { changed }),
    machine: {
      host: os.hostname(),
      system: `${os.type()} ${os.release()} ${os.arch()}`,
      cpu: os.cpus()[0]?.model ?? 'unknown',
      logical_cores: os.cpus().length,
      memory_gb: Math.round(os.totalmem() / 2 ** 30),
      device: input.device,
      threads: input.threads,
    },
    versions: { ...input.versions, node: process.versions.node },
  };
}

/** Writes a JSON file as one: a reader sees the old one or the new one. */
export function replaceJson(file: string, value: unknown): void {
  const fresh = `${file}.new`;
  try {
    writeFileSync(fresh, `${JSON.stringify(value, null, 2)}\n`, { flush: true });
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
  syncPath(dirname(file));
}

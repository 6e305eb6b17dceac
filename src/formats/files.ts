/** Files of weights on disk: read in pieces that the system can move at once, replaced as a whole or not at all. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { CheckpointError, messageOf } from '../base/errors.ts';

/** Linux moves at most 2^31 - 4096 bytes a call. */
const CHUNK_BYTES = 1 << 30;

/** Opens a file, runs `use`, and closes it. @throws CheckpointError that names the file, where it cannot be opened. */
export function withFile<T>(path: string, use: (descriptor: number, size: number) => T): T {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (cause) {
    throw new CheckpointError(`${path}: cannot be opened (${messageOf(cause)})`, { cause });
  }
  try {
    return use(descriptor, fstatSync(descriptor).size);
  } finally {
    closeSync(descriptor);
  }
}

/** Fills `target` from `position` on; false where the file ends too early. */
export function readFully(descriptor: number, target: Uint8Array, position: number): boolean {
  let done = 0;
  while (done < target.length) {
    const read = readSync(descriptor, target, done, Math.min(CHUNK_BYTES, target.length - done), position + done);
    if (read === 0) return false;
    done += read;
  }
  return true;
}

const HASH_BYTES = 1 << 22;

/** SHA-256 of a file's bytes, hexadecimal, read in pieces. */
export function sha256Of(path: string): string {
  return withFile(path, (descriptor, size) => {
    const hash = createHash('sha256');
    const piece = new Uint8Array(Math.min(HASH_BYTES, size));
    for (let done = 0; done < size; ) {
      const read = readSync(descriptor, piece, 0, piece.length, done);
      if (read === 0) throw new CheckpointError(`${path}: became shorter while it was read`);
      hash.update(piece.subarray(0, read));
      done += read;
    }
    return hash.digest('hex');
  });
}

function writeFully(descriptor: number, source: Uint8Array): void {
  let done = 0;
  while (done < source.length) done += writeSync(descriptor, source, done, Math.min(CHUNK_BYTES, source.length - done));
}

/** All bytes of a file. @throws CheckpointError that names the file, where it cannot be read. */
export function readWhole(path: string): Uint8Array {
  return withFile(path, (descriptor, size) => {
    try {
      const bytes = new Uint8Array(size);
      if (readFully(descriptor, bytes, 0)) return bytes;
    } catch (cause) {
      throw new CheckpointError(`${path}: cannot be read (${messageOf(cause)})`, { cause });
    }
    throw new CheckpointError(`${path}: became shorter while it was read`);
  });
}

/**
 * Writes a file as a whole or not at all: a temporary file beside it, fsync, rename. Makes its folder where it is missing.
 * @throws CheckpointError that names the file, where it cannot be written.
 */
export function replaceFile(path: string, pieces: Iterable<Uint8Array>): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    makeFolder(dirname(path));
    const descriptor = openSync(temporary, 'w');
    try {
      for (const piece of pieces) writeFully(descriptor, piece);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
    syncPath(dirname(path));
  } catch (cause) {
    remove(temporary);
    throw new CheckpointError(`${path}: cannot be written (${messageOf(cause)})`, { cause });
  }
}

/** Makes a folder and those above it. @throws the system's own reason */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // On a read-only disk Node says that the folder above is not there. Made alone, the first that is missing tells why it cannot be.
    let first = resolve(path);
    while (first !== dirname(first) && !existsSync(dirname(first))) first = dirname(first);
    mkdirSync(first);
    throw error;
  }
}

/** Removes what a failed write left; the failure itself is the news, not that nothing was there. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Its folder is not a folder: the caller's error says so.
  }
}

/** Waits until the disk has a file, or what was renamed in a folder: it lasts through a power cut then. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Folders of weights that are whole or not there. A writer fills `.NAME.new`, forces it to the disk, puts the mark
 * `checkpoint.json` with the files' checksums into it last, and renames: the present folder to `.NAME.old`, the new one to
 * `NAME`. Whatever moment the process dies at, one whole folder is left, and `findWeights` knows which. Of `latest` the ones
 * before it are kept too, as `earlier/ITERATION`, to go back to where a disk has spoilt the last.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CheckpointError, messageOf } from '../base/errors.ts';
import { sha256Of, syncPath } from '../formats/files.ts';
import type { WeightsKind } from './events.ts';

export const weightsKinds: readonly WeightsKind[] = ['latest', 'best', 'teacher-best', 'early-1', 'early-2', 'labeller'];

/** Version of the run folder's format; a program refuses a later one. */
export const RUN_FORMAT = 1;

/** What a folder of weights says of itself. */
export interface WeightsMark {
  readonly format: number;
  readonly kind: WeightsKind;
  /** SGD steps done. */
  readonly iteration: number;
  /** Numbers that belong to it, such as the mIoU it was chosen by. */
  readonly values: Readonly<Record<string, number>>;
  /** Its files and their sizes in bytes. */
  readonly files: Readonly<Record<string, number>>;
  /** The files' SHA-256, hexadecimal. Folders of early versions lack it. */
  readonly sha256?: Readonly<Record<string, string>>;
}

/** A whole folder of weights. */
export interface Weights {
  readonly folder: string;
  readonly mark: WeightsMark;
}

const MARK = 'checkpoint.json';
const EARLIER = 'earlier';

/** The mark of a whole folder; undefined if the folder is not there or not whole. */
function readMark(folder: string): WeightsMark | undefined {
  try {
    const mark = JSON.parse(readFileSync(path.join(folder, MARK), 'utf8')) as WeightsMark;
    const whole = Object.entries(mark.files).every(([file, bytes]) => statSync(path.join(folder, file)).size === bytes);
    return whole ? mark : undefined;
  } catch {
    return undefined;
  }
}

function places(run: string, kind: WeightsKind): { present: string; fresh: string; old: string } {
  return { present: path.join(run, kind), fresh: path.join(run, `.${kind}.new`), old: path.join(run, `.${kind}.old`) };
}

/**
 * The whole folder of this kind: `NAME`; after a crash between the renames `.NAME.new`, which is whole then; else `.NAME.old`.
 * Changes nothing, so that readers may call it beside a running training.
 */
export function findWeights(run: string, kind: WeightsKind): Weights | undefined {
  const { present, fresh, old } = places(run, kind);
  for (const folder of [present, fresh, old]) {
    const found = openWeights(folder);
    if (found) return found;
  }
  return undefined;
}

/** @throws CheckpointError for a folder that a later version wrote. */
function openWeights(folder: string): Weights | undefined {
  const mark = readMark(folder);
  if (mark && mark.format > RUN_FORMAT)
    throw new CheckpointError(
      `${path.join(folder, MARK)}: format ${mark.format} is later than this program's (${RUN_FORMAT}); use a newer dssn`,
    );
  return mark && { folder, mark };
}

/**
 * Reads files again and compares their checksums; those of early versions, which have none, pass.
 * @throws CheckpointError that names the damaged file
 */
export function verifyWeights({ folder, mark }: Weights, files: readonly string[] = Object.keys(mark.files)): void {
  for (const name of files) {
    const expected = mark.sha256?.[name];
    if (expected === undefined) continue;
    const file = path.join(folder, name);
    if (sha256Of(file) !== expected)
      throw new CheckpointError(`${file}: is damaged: its content is not what its ${MARK} has the checksum of`);
  }
}

/** The whole folders that `latest` has replaced, the last one first. */
export function earlierWeights(run: string): Weights[] {
  const folder = path.join(run, EARLIER);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^\d+$/.test(name));
  return names
    .sort()
    .reverse()
    .flatMap((name) => openWeights(path.join(folder, name)) ?? []);
}

/** What is set aside of a run's checkpoints, and why: for people. */
export interface PassedOver {
  readonly folder: string;
  readonly reason: string;
  /** It is not there at all. */
  readonly gone?: boolean;
}

/**
 * Writer's side: the last checkpoint whose every byte is as it was written, as `latest`. Damaged ones after it are moved to
 * `NAME.damaged`, so that nothing is lost that somebody might mend.
 * @throws CheckpointError if there are checkpoints and none is sound
 */
export function soundCheckpoint(run: string): { readonly passedOver: readonly PassedOver[] } {
  const { present, fresh, old } = places(run, 'latest');
  const passedOver: PassedOver[] = [];
  if (existsSync(present) && !openWeights(present))
    passedOver.push({ folder: present, reason: `${present}: a file is missing, or not of the size that its ${MARK} says` });
  // After a crash the one before may still lie beside the last one.
  const last = [present, fresh, old].flatMap((folder) => openWeights(folder) ?? []);
  const candidates = [...last, ...earlierWeights(run)];
  if (candidates.length > 0 && last.length === 0 && passedOver.length === 0)
    passedOver.push({ folder: present, reason: `${present}: is not there`, gone: true });
  for (const weights of candidates) {
    try {
      verifyWeights(weights);
    } catch (error) {
      passedOver.push({ folder: weights.folder, reason: messageOf(error) });
      continue;
    }
    for (const { folder, gone } of passedOver) if (!gone) setAside(folder);
    if (weights.folder !== present) renameSync(weights.folder, present);
    return { passedOver };
  }
  if (passedOver.length === 0) return { passedOver };
  const told = passedOver.map(({ folder, reason }) => `  ${folder}: ${reason}`).join('\n');
  throw new CheckpointError(`${run}: no checkpoint to go on from is whole; mend one, or begin anew with another --out\n${told}`);
}

function setAside(folder: string): void {
  const target = `${folder}.damaged`;
  rmSync(target, { recursive: true, force: true });
  renameSync(folder, target);
}

/** Keeps a folder that `latest` has replaced as one of the earlier ones; any other kind is removed. */
function retire(run: string, kind: WeightsKind, folder: string): void {
  const mark = kind === 'latest' ? readMark(folder) : undefined;
  if (!mark) {
    rmSync(folder, { recursive: true, force: true });
    return;
  }
  mkdirSync(path.join(run, EARLIER), { recursive: true });
  const target = path.join(run, EARLIER, String(mark.iteration).padStart(8, '0'));
  rmSync(target, { recursive: true, force: true });
  renameSync(folder, target);
}

/** Writer's side: puts the whole folder back under its name after a crash, and clears what was left half-done. */
export function recoverWeights(run: string, kind: WeightsKind): void {
  const { present, fresh, old } = places(run, kind);
  const found = findWeights(run, kind);
  if (found && found.folder !== present) {
    rmSync(present, { recursive: true, force: true });
    renameSync(found.folder, present);
  }
  rmSync(fresh, { recursive: true, force: true });
  retire(run, kind, old);
}

/** Removes this kind, whatever state it is in. */
export function removeWeights(run: string, kind: WeightsKind): void {
  for (const folder of Object.values(places(run, kind))) rmSync(folder, { recursive: true, force: true });
  if (kind === 'latest') rmSync(path.join(run, EARLIER), { recursive: true, force: true });
}

export interface ReplaceInfo {
  readonly iteration: number;
  readonly values?: Readonly<Record<string, number>>;
  /** Of `latest`: how many are kept, itself among them. */
  readonly keep?: number;
}

/**
 * Replaces a folder of weights as one.
 * @param fill writes the files into the folder that it is given
 * @throws whatever `fill` throws; the present folder stays then, and the room of the new one is given back
 */
export function replaceWeights(run: string, kind: WeightsKind, info: ReplaceInfo, fill: (folder: string) => void): WeightsMark {
  const { present, fresh, old } = places(run, kind);
  recoverWeights(run, kind);
  let mark: WeightsMark;
  try {
    mkdirSync(fresh);
    fill(fresh);
    mark = putMark(fresh, kind, info);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
  if (existsSync(present)) renameSync(present, old);
  renameSync(fresh, present);
  syncPath(run);
  retire(run, kind, old);
  if (kind === 'latest') forgetEarlier(run, (info.keep ?? 1) - 1);
  return mark;
}

/** Forces the files to the disk and writes what they are; the folder counts from then on. */
function putMark(fresh: string, kind: WeightsKind, { iteration, values }: ReplaceInfo): WeightsMark {
  const names = readdirSync(fresh).sort();
  for (const name of names) syncPath(path.join(fresh, name));
  const ofEach = <T>(value: (file: string) => T): Record<string, T> =>
    Object.fromEntries(names.map((name) => [name, value(path.join(fresh, name))]));
  const mark: WeightsMark = {
    format: RUN_FORMAT,
    kind,
    iteration,
    values: values ?? {},
    files: ofEach((file) => statSync(file).size),
    sha256: ofEach(sha256Of),
  };
  writeFileSync(path.join(fresh, MARK), `${JSON.stringify(mark, null, 2)}\n`, { flush: true });
  syncPath(fresh);
  return mark;
}

/** Removes all but the last so many of the earlier ones; a damaged one that was set aside stays. */
function forgetEarlier(run: string, keep: number): void {
  for (const { folder } of earlierWeights(run).slice(keep)) rmSync(folder, { recursive: true, force: true });
}

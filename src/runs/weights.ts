/**
 * Folders of weights that are whole or not there. A writer fills `.NAME.new`, forces it to the disk, puts the mark
 * `checkpoint.json` into it last, and renames: the present folder to `.NAME.old`, the new one to `NAME`. Whatever moment the
 * process dies at, one whole folder is left, and `findWeights` knows which.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CheckpointError } from '../base/errors.ts';
import { syncPath } from '../formats/files.ts';
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
}

const MARK = 'checkpoint.json';

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
export function findWeights(run: string, kind: WeightsKind): { folder: string; mark: WeightsMark } | undefined {
  const { present, fresh, old } = places(run, kind);
  for (const folder of [present, fresh, old]) {
    const mark = readMark(folder);
    if (!mark) continue;
    if (mark.format > RUN_FORMAT)
      throw new CheckpointError(
        `${path.join(folder, MARK)}: format ${mark.format} is later than this program's (${RUN_FORMAT}); use a newer dssn`,
      );
    return { folder, mark };
  }
  return undefined;
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
  rmSync(old, { recursive: true, force: true });
}

/** Removes this kind, whatever state it is in. */
export function removeWeights(run: string, kind: WeightsKind): void {
  for (const folder of Object.values(places(run, kind))) rmSync(folder, { recursive: true, force: true });
}

/**
 * Replaces a folder of weights as one.
 * @param fill writes the files into the folder that it is given
 * @throws whatever `fill` throws; the present folder stays then
 */
export function replaceWeights(
  run: string,
  kind: WeightsKind,
  info: { readonly iteration: number; readonly values?: Readonly<Record<string, number>> },
  fill: (folder: string) => void,
): WeightsMark {
  const { present, fresh, old } = places(run, kind);
  recoverWeights(run, kind);
  mkdirSync(fresh);
  fill(fresh);
  const names = readdirSync(fresh).sort();
  for (const name of names) syncPath(path.join(fresh, name));
  const files = Object.fromEntries(names.map((name) => [name, statSync(path.join(fresh, name)).size]));
  const mark: WeightsMark = { format: RUN_FORMAT, kind, iteration: info.iteration, values: info.values ?? {}, files };
  writeFileSync(path.join(fresh, MARK), `${JSON.stringify(mark, null, 2)}\n`, { flush: true });
  syncPath(fresh);
  if (existsSync(present)) renameSync(present, old);
  renameSync(fresh, present);
  syncPath(run);
  rmSync(old, { recursive: true, force: true });
  return mark;
}

/** Run folders on the disk. */
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';

/** A run is known by these: one alone may be anybody's. */
const marks = ['config.json', 'manifest.json', 'events.jsonl'];

/** Whether a folder is a run's, which may be damaged. */
export const isRun = (folder: string): boolean => marks.filter((name) => existsSync(path.join(folder, name))).length >= 2;

/** Folders that hold no runs, and may hold very much. */
const passedOver = (name: string): boolean => name.startsWith('.') || name === 'node_modules';

function subfolders(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    // One that may not be read holds none that could be.
    return [];
  }
  const paths = names
    .filter((name) => !passedOver(name))
    .sort()
    .map((name) => path.join(folder, name));
  return paths.filter((place) => statSync(place, { throwIfNoEntry: false })?.isDirectory());
}

/** The run folders in and below a folder, at any depth, in the order of their names. A folder reached twice by links counts once. */
export function findRuns(root: string): string[] {
  const seen = new Set<string>();
  const visit = (folder: string): string[] => {
    const real = realpathSync(folder);
    if (seen.has(real)) return [];
    seen.add(real);
    return [...(isRun(folder) ? [folder] : []), ...subfolders(folder).flatMap(visit)];
  };
  return visit(root);
}

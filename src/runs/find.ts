/** Run folders on the disk. */
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { EVENTS } from './events.ts';
import { CONFIG, MANIFEST } from './inspect.ts';

/** A run is known by these: one alone may be anybody's. */
const marks = [CONFIG, MANIFEST, EVENTS];

/** Whether a folder is a run's, which may be damaged. */
export const isRun = (folder: string): boolean => marks.filter((name) => existsSync(path.join(folder, name))).length >= 2;

/** Folders that hold no runs, and may hold very much. */
const passedOver = (name: string): boolean => name.startsWith('.') || name === 'node_modules';

function subfolders(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !passedOver(name));
  const folders = entries.filter((entry) => {
    if (!entry.isSymbolicLink()) return entry.isDirectory();
    return statSync(path.join(folder, entry.name), { throwIfNoEntry: false })?.isDirectory() ?? false;
  });
  return folders.map(({ name }) => path.join(folder, name)).sort();
}

/** The run folders in and below a folder, at any depth, in the order of their names. A folder reached twice by links counts once. */
export function findRuns(root: string): string[] {
  const seen = new Set<string>();
  const visit = (folder: string): string[] => {
    let below: string[];
    try {
      const real = realpathSync(folder);
      if (seen.has(real)) return [];
      seen.add(real);
      below = subfolders(folder);
    } catch {
      // Not to be read, or taken away at this moment: it shows no runs.
      return [];
    }
    return [...(isRun(folder) ? [folder] : []), ...below.flatMap(visit)];
  };
  return visit(root);
}

/** What lies in the folders that `dssn init` was given: images, label maps, and files that name classes. Nothing is opened here. */
import { readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, extname, join, posix, relative, resolve, sep } from 'node:path';
import { ConfigError, DataError, messageOf } from '../base/errors.ts';
import { type Found, type Pairing, pairByName } from './init-names.ts';
import { isBelow } from './real-path.ts';

const IMAGE_ENDINGS = ['.jpg', '.jpeg', '.png'];
/** Endings of pictures that are not read: worth a word, since one may wait for them in vain. */
const OTHER_ENDINGS = ['.bmp', '.gif', '.tif', '.tiff', '.webp', '.heic', '.jp2'];
/** Files that name classes, the best first. */
const NAME_FILES = [
  'classes.txt',
  'class_names.txt',
  'label_names.txt',
  'labels.txt',
  'label_colors.txt',
  'labelmap.txt',
  'class_dict.csv',
];
const NAMES_SHOWN = 10;

export interface Scan extends Pairing {
  /** What the paths are relative to: the folder, or what it has in common with that of the label maps. Absolute. */
  readonly root: string;
  /** A file that names classes, absolute. */
  readonly nameFile?: string;
  /** Pictures of kinds that are not read, by ending. */
  readonly others: ReadonlyMap<string, number>;
}

/** At most ten names and how many more there are. */
export function listed(names: readonly string[], separator = ', '): string {
  const more = names.length - NAMES_SHOWN;
  return names.slice(0, NAMES_SHOWN).join(separator) + (more > 0 ? `${separator}and ${more} more` : '');
}

/** All files below a folder, those of linked folders too; what is hidden and what `skip` names is left out. */
function filesBelow(folder: string, skip?: string, seen = new Set<string>()): string[] {
  const real = realpathSync(folder);
  // A link may lead back to a folder above it.
  if (seen.has(real)) return [];
  seen.add(real);
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.') && name !== '__MACOSX')
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (path === skip) return [];
      const stats = entry.isSymbolicLink() ? targetOf(path) : entry;
      if (stats?.isDirectory()) return filesBelow(path, skip, seen);
      return stats?.isFile() ? [path] : [];
    });
}

/** What a link leads to; undefined where that is nothing, or the link itself. */
function targetOf(link: string): Stats | undefined {
  try {
    return statSync(link);
  } catch {
    return undefined;
  }
}

function checkFolder(folder: string, option: string): string {
  let isFolder: boolean;
  try {
    isFolder = statSync(folder).isDirectory();
  } catch (cause) {
    throw new ConfigError(`${option}: ${folder} cannot be read (${messageOf(cause)})`, { cause });
  }
  if (!isFolder) throw new ConfigError(`${option}: ${folder} is a file; allowed: a folder of images`);
  return resolve(folder);
}

function commonFolder(a: string, b: string): string {
  let folder = a;
  while (!isBelow(b, folder)) folder = dirname(folder);
  return folder;
}

/** Names that a line of a list cannot hold. */
function checkNames(paths: readonly string[]): void {
  const bad = paths.filter((path) => /[\t\r\n]/.test(path) || path.trim() !== path);
  if (bad.length > 0)
    throw new DataError(
      `a list cannot hold names with tabs, line breaks or blanks at their ends; rename ${listed(bad.map((path) => JSON.stringify(path)))}`,
    );
}

/** Two images that differ by their endings alone have one name. */
function checkTwins(images: readonly string[]): void {
  const first = new Map<string, string>();
  const twins: string[] = [];
  for (const image of images) {
    const name = image.slice(0, image.length - extname(image).length);
    const other = first.get(name);
    if (other === undefined) first.set(name, image);
    else twins.push(`${other} and ${image}`);
  }
  if (twins.length > 0)
    throw new DataError(`images that differ by their ending alone; rename or remove one of each: ${listed(twins, '; ')}`);
}

/** Why there is no pair. */
function nothingFound(folder: string, { unlabelled, lonely }: Pairing, others: Scan['others'], masks: string | undefined): DataError {
  const left = [...others].map(([ending, count]) => `${count} of *${ending}`);
  const beside = left.length > 0 ? ` (${left.join(', ')} are not read: label maps are PNG files, images JPEG or PNG)` : '';
  if (unlabelled.length + lonely.length === 0)
    return new DataError(`${folder}: holds no images; allowed endings: ${IMAGE_ENDINGS.join(', ')}${beside}`);
  const counts = `${lonely.length} label maps, ${unlabelled.length} images`;
  if (lonely.length > 0)
    return new DataError(
      `${counts}, and no two whose names fit: label maps such as ${listed(lonely.slice(0, 3))}, images such as ${listed(unlabelled.slice(0, 3)) || 'none'}; a label map has the name of its image, with a word such as _mask or without${beside}`,
    );
  const where = masks === undefined ? 'give their folder by --masks FOLDER' : `${masks} holds none`;
  return new DataError(
    `${folder}: ${unlabelled.length} images and not one label map; looked for PNG files in folders such as masks/, labels/ or annotations/, and with names such as NAME_mask.png or NAME.png beside NAME.jpg; ${where}${beside}`,
  );
}

/** The shallowest of the files that name classes; of several there the best name. */
function nameFileOf(files: readonly string[]): string | undefined {
  const rank = (file: string): number => 100 * file.split(sep).length + NAME_FILES.indexOf(basename(file).toLowerCase());
  return files.filter((file) => NAME_FILES.includes(basename(file).toLowerCase())).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))[0];
}

/**
 * Looks through a folder, or one of images and one of label maps.
 * @throws ConfigError where a folder is not there; DataError where there is no pair, or pairs cannot be told apart: it names the files.
 */
export function scanFolders(folder: string, masks?: string): Scan {
  const images = checkFolder(folder, 'FOLDER');
  const labels = masks === undefined ? undefined : checkFolder(masks, '--masks');
  if (labels === images) throw new ConfigError(`--masks: ${masks} is the folder of images itself; leave the option out`);
  const root = labels === undefined ? images : commonFolder(images, labels);
  const found: Found[] = [];
  const nameFiles: string[] = [];
  const others = new Map<string, number>();
  const take = (base: string, skip: string | undefined, side: Found['side']): void => {
    for (const file of filesBelow(base, skip)) {
      const ending = extname(file).toLowerCase();
      const slashed = (from: string): string => relative(from, file).split(sep).join(posix.sep);
      if (IMAGE_ENDINGS.includes(ending)) found.push({ path: slashed(root), inner: slashed(base), ...(side && { side }) });
      else if (OTHER_ENDINGS.includes(ending)) others.set(ending, (others.get(ending) ?? 0) + 1);
      else nameFiles.push(file);
    }
  };
  take(images, labels, labels === undefined ? undefined : 'image');
  if (labels !== undefined) take(labels, images, 'label');
  const pairing = pairByName(found);
  if (pairing.ambiguous.length > 0)
    throw new DataError(
      `label maps that cannot be told apart by their names:\n  ${listed(pairing.ambiguous, '\n  ')}\nmove one of each away, or give the folder of label maps by --masks FOLDER`,
    );
  if (pairing.labelled.length === 0) throw nothingFound(folder, pairing, others, masks);
  checkNames([...pairing.labelled.flatMap(({ image, mask }) => [image, mask]), ...pairing.unlabelled]);
  checkTwins([...pairing.labelled.map(({ image }) => image), ...pairing.unlabelled]);
  const nameFile = nameFileOf(nameFiles);
  return { ...pairing, root, others, ...(nameFile !== undefined && { nameFile }) };
}

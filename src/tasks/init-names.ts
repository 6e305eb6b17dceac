/**
 * Which file is an image, which a label map, and which belong together, told by their names alone: `images/a.jpg` and `masks/a.png`,
 * `a.jpg` and `a_mask.png`, `train/a_sat.jpg` and `train_labels/mask_a.png`. Upper and lower case are the same.
 */

/** Words in names of files and folders that make a label map. */
const LABEL_WORDS = new Set(
  (
    'mask masks label labels lbl lbls labelmap labelmaps annotation annotations annot annots ann anns gt gts gtfine gtcoarse ' +
    'groundtruth truth seg segs segm segmap segmaps segmentation segmentations segmentationclass segmentationclassaug semantic ' +
    'target targets labelids labeltrainids trainids'
  ).split(' '),
);
/** Words that say no more than that it is an image. */
const IMAGE_WORDS = new Set('image images img imgs picture pictures photo photos jpegimages leftimg8bit rgb input inputs sat'.split(' '));
/** Words before one of label maps that make it the contrary. */
const NEGATIONS = new Set('no non not without un'.split(' '));
/** Words of label maps that are of no use here, and of such that are taken where there is no better one: shown for people to see. */
const OTHER_WORDS = new Set('instance instances instanceids instancetrainids segmentationobject depth disparity'.split(' '));
const PICTURE_WORDS = new Set('color colour colors colours viz vis overlay'.split(' '));

/** Better than label ids. */
const TRAIN_IDS = ['labeltrainids', 'trainids'];
/** The label maps of CamVid as published end in `_L`: too short a word to be sure of. */
const CAMVID_LABEL = 'l';
const ANYWHERE = '*';

/** How good a label map is where an image has several: train ids before ids, both before colours. */
const PREFERRED = -1;
const PLAIN = 0;
const PICTURED = 1;

/** A file that a scan found. */
export interface Found {
  /** Relative to the data root, with `/`. */
  readonly path: string;
  /** Relative to the folder that was named: only these words count. */
  readonly inner: string;
  /** What the user says it is. */
  readonly side?: 'image' | 'label';
}

interface Named extends Found {
  /** Its folders without the words above: equal for `images/train` and `masks/train`. */
  readonly place: string;
  /** Its name without the ending. */
  readonly exact: string;
  /** Its words; these without those of label maps at their ends; and without those of images too. */
  readonly words: string;
  readonly core: string;
  readonly bare: string;
  readonly kind: 'image' | 'label' | 'other';
  /** Its name alone makes it a label map, and not for sure. */
  readonly doubtful: boolean;
  readonly png: boolean;
  readonly rank: number;
}

const wordsOf = (name: string): string[] =>
  name
    .toLowerCase()
    .split(/[\s_.()-]+/)
    .filter(Boolean);

/** `trainannot` is `train annot`, and `mask001` is `mask 001`. */
function separated(name: string): string {
  return name
    .replace(/^(train|val|valid|test)(annot|masks?|labels?|gt)$/i, '$1_$2')
    .replace(/^([a-z]+)(?=\d)/i, (word) => (isOfLabels(word.toLowerCase()) || IMAGE_WORDS.has(word.toLowerCase()) ? `${word}_` : word));
}

const isOfLabels = (word: string): boolean => LABEL_WORDS.has(word) || OTHER_WORDS.has(word) || PICTURE_WORDS.has(word);

/** The words without those at both ends that `isTold`; CamVid's `_L` counts at the end alone. */
function stripped(words: readonly string[], isTold: (word: string) => boolean): string[] {
  let [start, end] = [0, words.length];
  while (end > start && (isTold(words[end - 1]!) || words[end - 1] === CAMVID_LABEL)) end--;
  while (start < end && isTold(words[start]!)) start++;
  return words.slice(start, end);
}

/** Whether a folder's words make what lies in it label maps, or images; undefined where they say neither. */
function saysLabels(words: readonly string[]): boolean | undefined {
  const label = words.findIndex((word) => LABEL_WORDS.has(word));
  // `no_label`, `without masks`.
  if (label > 0 && NEGATIONS.has(words[label - 1]!)) return false;
  if (label >= 0) return true;
  return words.some((word) => IMAGE_WORDS.has(word)) ? false : undefined;
}

/** The deepest folder that says something decides: `segmentation/images` holds images. */
const isInLabels = (folders: readonly (readonly string[])[]): boolean =>
  folders.map(saysLabels).findLast((says) => says !== undefined) ?? false;

/** What a file's name says. */
function nameOf(found: Found): Named {
  const parts = found.inner.split('/');
  const file = parts.pop()!;
  // Some tools call the label map of `a.jpg` `a.jpg.png`.
  const exact = file.replace(/\.[^.]+$/, '').replace(/\.(jpe?g|png)$/i, '');
  const png = /\.png$/i.test(file);
  const folders = parts.map((part) => wordsOf(separated(part)));
  const folderWords = folders.flat();
  const words = wordsOf(separated(exact));
  const core = stripped(words, isOfLabels);
  const atEnds = words.filter((word) => !core.includes(word));
  const free = found.side === undefined;
  const inLabels = found.side === 'label' || (free && isInLabels(folders));
  const namedLabel = free && atEnds.some((word) => LABEL_WORDS.has(word) || word === CAMVID_LABEL);
  const isLabel = inLabels || namedLabel;
  const isOther = (free && folderWords.some((word) => OTHER_WORDS.has(word))) || (isLabel && words.some((word) => OTHER_WORDS.has(word)));
  const all = [...folderWords, ...words];
  const preferred = words.some((word) => TRAIN_IDS.includes(word));
  return {
    ...found,
    place: folders
      .map((folder) => folder.filter((word) => !isOfLabels(word) && !IMAGE_WORDS.has(word)).join(' '))
      .filter(Boolean)
      .join('/'),
    exact,
    words: words.join(' '),
    core: core.join(' '),
    bare: stripped(core, (word) => isOfLabels(word) || IMAGE_WORDS.has(word)).join(' '),
    kind: isOther ? 'other' : isLabel ? 'label' : 'image',
    doubtful: isLabel && !inLabels && (!png || atEnds.every((word) => word === CAMVID_LABEL)),
    png,
    rank: all.some((word) => PICTURE_WORDS.has(word)) ? PICTURED : preferred ? PREFERRED : PLAIN,
  };
}

/** Images by what a label map may look for. */
class ImageIndex {
  private readonly maps = new Map<string, Named[]>();

  constructor(images: readonly Named[]) {
    for (const image of images)
      for (const place of [`${image.place}/`, ANYWHERE]) {
        this.add(`${place}=${image.words}`, image);
        if (image.bare !== '' || place !== ANYWHERE) this.add(`${place}~${image.bare}`, image);
      }
  }

  private add(key: string, image: Named): void {
    const there = this.maps.get(key);
    if (there) there.push(image);
    else this.maps.set(key, [image]);
  }

  /** The images that a label map may belong to: those of its own place first, by the whole name first; of several that of just its name. */
  of({ place, words, core, bare, exact }: Named): readonly Named[] {
    const ways = [`${place}/`, ANYWHERE].flatMap((where) => [`${where}=${words}`, `${where}=${core}`, `${where}~${bare}`]);
    const found = ways.map((way) => this.maps.get(way)).find((images) => images !== undefined) ?? [];
    const same = found.filter((image) => image.exact === exact);
    return same.length === 1 ? same : found;
  }
}

export interface Pairing {
  /** In the order of the images' names. */
  readonly labelled: readonly { readonly image: string; readonly mask: string }[];
  readonly unlabelled: readonly string[];
  /** Label maps whose image is not there. */
  readonly lonely: readonly string[];
  /** What cannot be told apart, a sentence each. */
  readonly ambiguous: readonly string[];
}

/** In one folder, `a.png` beside `a.jpg` is its label map. */
function withSiblings(files: readonly Named[]): Named[] {
  const key = ({ inner, exact }: Named): string => `${inner.slice(0, inner.lastIndexOf('/') + 1)}${exact.toLowerCase()}`;
  const jpegs = new Set(files.filter(({ png, kind }) => !png && kind === 'image').map(key));
  return files.map((file) =>
    file.kind === 'image' && file.png && file.side === undefined && jpegs.has(key(file)) ? { ...file, kind: 'label' } : file,
  );
}

const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1);

/** Pairs images with label maps. A file whose name makes it a label map, but not for sure, is one only where it has an image. */
export function pairByName(files: readonly Found[]): Pairing {
  const named = withSiblings(files.map(nameOf)).sort(byPath);
  const sure = new ImageIndex(named.filter(({ kind }) => kind === 'image'));
  const settled = named.map((file) =>
    file.kind === 'label' && file.doubtful && sure.of(file).length === 0 ? { ...file, kind: 'image' as const } : file,
  );
  const images = settled.filter(({ kind }) => kind === 'image');
  const index = new ImageIndex(images);
  const masksOf = new Map<Named, Named[]>(images.map((image) => [image, []]));
  const lonely: string[] = [];
  const ambiguous: string[] = [];
  for (const mask of settled.filter(({ kind }) => kind === 'label')) {
    const found = index.of(mask);
    if (found.length === 0) lonely.push(mask.path);
    else if (found.length > 1) ambiguous.push(`${mask.path} may belong to ${found.map(({ path }) => path).join(' or ')}`);
    else masksOf.get(found[0]!)!.push(mask);
  }
  const labelled: { image: string; mask: string }[] = [];
  for (const [image, masks] of masksOf) {
    const best = Math.min(...masks.map(({ rank }) => rank));
    const [mask, ...more] = masks.filter(({ rank }) => rank === best);
    if (more.length > 0) ambiguous.push(`${image.path} may have ${[mask!, ...more].map(({ path }) => path).join(' or ')}`);
    else if (mask) labelled.push({ image: image.path, mask: mask.path });
  }
  const taken = new Set(labelled.map(({ image }) => image));
  return { labelled, unlabelled: images.map(({ path }) => path).filter((path) => !taken.has(path)), lonely, ambiguous };
}

/** Whether all of a place's folders stand in another one, in their order. */
function standsIn(place: string, other: string): boolean {
  const folders = place === '' ? [] : place.split('/');
  let found = 0;
  for (const folder of other.split('/')) if (folder === folders[found]) found++;
  return found === folders.length;
}

/**
 * Pairs that their files' names alone have joined, since their folders say different things: `images/b` with `masks/a` may be two
 * sequences whose files are numbered alike. By folders, with how many pairs each.
 */
export function pairedAcross(labelled: Pairing['labelled']): ReadonlyMap<string, number> {
  const across = new Map<string, number>();
  for (const { image, mask } of labelled) {
    const [a, b] = [image, mask].map((path) => nameOf({ path, inner: path }).place) as [string, string];
    if (standsIn(a, b) || standsIn(b, a)) continue;
    const folder = (path: string): string => path.slice(0, path.lastIndexOf('/'));
    const key = `${folder(mask)} with ${folder(image)}`;
    across.set(key, (across.get(key) ?? 0) + 1);
  }
  return across;
}

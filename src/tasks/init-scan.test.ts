import { rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { treeOf } from '../../test/support/label-trees.ts';
import { ConfigError, DataError } from '../base/errors.ts';
import { scanFolders } from './init-scan.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A folder with these files, all empty: a scan opens none. */
function tree(...names: readonly string[]): string {
  const folder = treeOf(Object.fromEntries(names.map((name) => [name, ''])));
  folders.push(folder);
  return folder;
}

describe('scanFolders', () => {
  it('looks at all depths, through links and not in circles, and not at what is hidden', () => {
    const elsewhere = tree('b.jpg', 'b_mask.png');
    const folder = tree('x/y/a.jpg', 'x/y/a_mask.png', '.cache/c.jpg', 'x/.d.jpg', '__MACOSX/e.jpg', 'notes.md');
    symlinkSync(elsewhere, join(folder, 'linked'));
    symlinkSync(folder, join(folder, 'x/circle'));
    symlinkSync(join(folder, 'nowhere'), join(folder, 'x/broken.jpg'));
    const { root, labelled, unlabelled } = scanFolders(folder);
    expect([root, unlabelled]).toEqual([folder, []]);
    expect(labelled).toEqual([
      { image: 'linked/b.jpg', mask: 'linked/b_mask.png' },
      { image: 'x/y/a.jpg', mask: 'x/y/a_mask.png' },
    ]);
  });

  it('takes label maps from a folder within that of the images, above it, and far away', () => {
    const folder = tree('a.jpg', 'mine/a.png', 'more/a.jpg', 'more/b.jpg');
    const within = scanFolders(folder, join(folder, 'mine'));
    expect(within.unlabelled).toEqual(['more/a.jpg', 'more/b.jpg']);
    expect([within.root, within.labelled]).toEqual([folder, [{ image: 'a.jpg', mask: 'mine/a.png' }]]);
    const above = tree('a.png', 'photos/a.jpg', 'photos/b.jpg');
    const { labelled, root } = scanFolders(join(above, 'photos'), above);
    expect([root, labelled]).toEqual([above, [{ image: 'photos/a.jpg', mask: 'a.png' }]]);
    const far = tree('label a.png');
    const apart = scanFolders(join(folder, 'more'), far);
    expect(apart.labelled).toEqual([{ image: `${basename(folder)}/more/a.jpg`, mask: `${basename(far)}/label a.png` }]);
  });

  it('finds the file that names classes: the uppermost, the best', () => {
    expect(scanFolders(tree('a.jpg', 'a.png')).nameFile).toBeUndefined();
    const folder = tree('a.jpg', 'a.png', 'Classes.txt', 'labels.txt', 'x/classes.txt');
    expect(scanFolders(folder).nameFile).toBe(join(folder, 'Classes.txt'));
  });

  it.each<[names: readonly string[], message: RegExp]>([
    [['a.jpg', 'a.png', 'x\ty.jpg'], /a list cannot hold names with tabs.*rename "x\\ty\.jpg"/],
    [['a.jpg', 'a.png', ' b.jpg'], /blanks at their ends; rename " b\.jpg"/],
    [['images/a.jpg', 'images/b.jpg', 'images/b.jpeg', 'masks/a.png'], /differ by their ending alone.*images\/b\.jpeg and images\/b\.jpg/],
    [['images/a.jpg', 'masks/a.tif'], /1 images and not one label map; .*\(1 files \*\.tif are not read: label maps are PNG files/],
  ])('refuses %j', (names, message) => {
    expect(() => scanFolders(tree(...names))).toThrow(DataError);
    expect(() => scanFolders(tree(...names))).toThrow(message);
  });

  it('refuses folders that are none, and one folder twice', () => {
    const folder = tree('a.jpg', 'a.png');
    expect(() => scanFolders(join(folder, 'nowhere'))).toThrow(ConfigError);
    expect(() => scanFolders(join(folder, 'a.jpg'))).toThrow(/FOLDER: \S+a\.jpg is a file; allowed: a folder of images/);
    expect(() => scanFolders(folder, `${folder}/`)).toThrow(/--masks: \S+ is the folder of images itself/);
  });
});

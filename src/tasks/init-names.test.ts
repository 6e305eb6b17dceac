import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Found, pairByName, pairedAcross } from './init-names.ts';

const files = (...paths: readonly string[]): Found[] => paths.map((path) => ({ path, inner: path }));

describe('pairByName', () => {
  it.each<[what: string, image: string, mask: string]>([
    ['two folders', 'images/a.jpg', 'masks/a.png'],
    ['folders below folders', 'train/images/a.jpg', 'train/labels/a.png'],
    ['folders above folders', 'images/train/a.jpg', 'annotations/train/a.png'],
    ['words in the names of folders', 'train_images/a.jpeg', 'train_masks/a.png'],
    ['SegNet', 'train/a.png', 'trainannot/a.png'],
    ['Pascal VOC', 'JPEGImages/2007_000032.jpg', 'SegmentationClass/2007_000032.png'],
    ['CamVid', '701_StillsRaw_full/0001TP_006690.png', 'LabeledApproved_full/0001TP_006690_L.png'],
    ['Cityscapes', 'leftImg8bit/train/x/x_000_leftImg8bit.png', 'gtFine/train/x/x_000_gtFine_labelIds.png'],
    ['KITTI', 'training/image_2/000000_10.png', 'training/semantic/000000_10.png'],
    ['DeepGlobe', '100_sat.jpg', '100_mask.png'],
    ['a suffix', 'street 1.jpg', 'street 1_label.png'],
    ['a suffix and a hyphen', 'street.JPG', 'street-seg.PNG'],
    ['a suffix and a dot', 'street.jpg', 'street.mask.png'],
    ['a prefix', 'a/001.jpg', 'a/gt_001.png'],
    ['a prefix on both', 'image_001.png', 'mask_001.png'],
    ['a prefix without a blank', 'img001.png', 'mask001.png'],
    ['a folder a sample', '17/img.png', '17/label.png'],
    ['the same name in one folder', 'street.jpg', 'street.png'],
    ['upper and lower case', 'Images/A.jpg', 'MASKS/a.png'],
    ['label maps in one folder for images in many', 'images/x/a.jpg', 'masks/a.png'],
    ['a folder named for the task above them', 'segmentation/images/a.jpg', 'segmentation/masks/a.png'],
    ['both endings', 'images/x0.jpg', 'masks/x0.jpg.png'],
    ['upper and lower case in one folder', 'IMG_3.JPG', 'img_3.png'],
  ])('knows %s', (_, image, mask) => {
    const decoys = ['images/other.jpg', 'photos/B.jpg'];
    expect(pairByName(files(mask, ...decoys, image))).toEqual({
      labelled: [{ image, mask }],
      unlabelled: decoys,
      lonely: [],
      ambiguous: [],
    });
  });

  it('takes images in folders that say that they have no label map for what they are', () => {
    const images = ['no_label/c.jpg', 'not-labelled/d.jpg', 'without masks/e.jpg'];
    const { labelled, unlabelled, lonely } = pairByName(files('images/a.jpg', 'masks/a.png', ...images));
    expect([labelled, unlabelled, lonely]).toEqual([[{ image: 'images/a.jpg', mask: 'masks/a.png' }], images, []]);
  });

  it('tells pairs of folders that only the names of files have joined', () => {
    const across = (image: string, mask: string) => [...pairedAcross(pairByName(files(image, mask)).labelled)];
    expect(across('images/b/0.jpg', 'masks/a/0.png')).toEqual([['masks/a with images/b', 1]]);
    expect(across('images/x/a.jpg', 'masks/a.png')).toEqual([]);
    expect(across('train/images/a.jpg', 'train/masks/a.png')).toEqual([]);
  });

  it('takes train ids before ids, both before colours, and instances never', () => {
    const masks = ['color', 'instanceIds', 'labelIds', 'labelTrainIds'].map((kind) => `gtFine/a_gtFine_${kind}.png`);
    const image = 'leftImg8bit/a_leftImg8bit.png';
    expect(pairByName(files(image, ...masks)).labelled).toEqual([{ image, mask: masks[3] }]);
    expect(pairByName(files(image, ...masks.slice(0, 3))).labelled).toEqual([{ image, mask: masks[2] }]);
    expect(pairByName(files(image, ...masks.slice(0, 2))).labelled).toEqual([{ image, mask: masks[0] }]);
    const instances = pairByName(files('JPEGImages/a.jpg', 'SegmentationObject/a.png'));
    expect([instances.labelled, instances.unlabelled]).toEqual([[], ['JPEGImages/a.jpg']]);
  });

  it('names what may belong to two', () => {
    expect(pairByName(files('a.jpg', 'a_mask.png', 'a_label.png')).ambiguous).toEqual(['a.jpg may have a_label.png or a_mask.png']);
    expect(pairByName(files('images/x/a.jpg', 'images/y/a.jpg', 'masks/a.png')).ambiguous).toEqual([
      'masks/a.png may belong to images/x/a.jpg or images/y/a.jpg',
    ]);
    const cases = pairByName(files('images/a.jpg', 'images/A.jpg', 'masks/A.png', 'masks/a.png'));
    expect([cases.ambiguous, cases.labelled.length]).toEqual([[], 2]);
  });

  it('leaves photographs photographs whose names sound like labels, and counts label maps without an image', () => {
    expect(pairByName(files('label printer.jpg', 'left_l.png', 'target/x.jpg')).unlabelled).toEqual(['label printer.jpg', 'left_l.png']);
    expect(pairByName(files('images/a.jpg', 'masks/a.png', 'masks/b.png', 'c_mask.png')).lonely).toEqual(['c_mask.png', 'masks/b.png']);
  });

  it('believes the user where images and label maps are two folders', () => {
    const two: Found[] = [
      { path: 'mask shop/1_label.jpg', inner: '1_label.jpg', side: 'image' },
      { path: 'colours/1_label.png', inner: '1_label.png', side: 'label' },
    ];
    expect(pairByName(two).labelled).toEqual([{ image: two[0]!.path, mask: two[1]!.path }]);
  });

  it('puts every file in one place, in one order, whatever order they come in', () => {
    const word = fc.constantFrom('a', 'b', 'A', 'mask', 'img', '1', 'color', 'l');
    const name = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join('_'));
    const folder = fc.constantFrom('', 'images/', 'masks/', 'train/masks/', 'x/');
    const path = fc.tuple(folder, name, fc.constantFrom('jpg', 'png')).map(([place, stem, ending]) => `${place}${stem}.${ending}`);
    const trees = fc.uniqueArray(path, { maxLength: 12 });
    fc.assert(
      fc.property(trees, (paths) => {
        const { labelled, unlabelled, lonely, ambiguous } = pairByName(files(...paths));
        const told = [...labelled.flatMap(({ image, mask }) => [image, mask]), ...unlabelled, ...lonely];
        expect(new Set(told).size).toBe(told.length);
        for (const file of told) expect(paths).toContain(file);
        const named = ambiguous.join(' ');
        // What is left are the worse label maps of images that have a better one.
        const worse = paths.filter((file) => !told.includes(file) && !named.includes(file));
        for (const file of worse) expect(file).toMatch(/color/);
        expect(pairByName(files(...[...paths].reverse()))).toEqual({ labelled, unlabelled, lonely, ambiguous });
      }),
    );
  });
});

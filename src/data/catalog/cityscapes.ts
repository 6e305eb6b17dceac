import type { Dataset } from './dataset.ts';

/**
 * Cityscapes' label ids 0..33 as train ids; all that is not named here is not evaluated and ignored.
 * Source: cityscapesScripts, helpers/labels.py.
 */
const trainIds: Readonly<Record<number, number>> = {
  7: 0,
  8: 1,
  11: 2,
  12: 3,
  13: 4,
  17: 5,
  19: 6,
  20: 7,
  21: 8,
  22: 9,
  23: 10,
  24: 11,
  25: 12,
  26: 13,
  27: 14,
  28: 15,
  31: 16,
  32: 17,
  33: 18,
};
const LABEL_IDS = 34;

/**
 * Cityscapes (Cordts et al., CVPR 2016) with its 19 classes of evaluation. Lists name the label maps of train ids, which
 * cityscapesScripts makes of the annotations; the download itself holds label ids, which serve as well.
 */
export const dataset: Dataset = {
  name: 'cityscapes',
  classes: [
    'road',
    'sidewalk',
    'building',
    'wall',
    'fence',
    'pole',
    'traffic light',
    'traffic sign',
    'vegetation',
    'terrain',
    'sky',
    'person',
    'rider',
    'car',
    'truck',
    'bus',
    'train',
    'motorcycle',
    'bicycle',
  ],
  palette: [
    [128, 64, 128],
    [244, 35, 232],
    [70, 70, 70],
    [102, 102, 156],
    [190, 153, 153],
    [153, 153, 153],
    [250, 170, 30],
    [220, 220, 0],
    [107, 142, 35],
    [152, 251, 152],
    [70, 130, 180],
    [220, 20, 60],
    [255, 0, 0],
    [0, 0, 142],
    [0, 0, 70],
    [0, 60, 100],
    [0, 80, 100],
    [0, 0, 230],
    [119, 11, 32],
  ],
  evalMode: 'sliding_window',
  asStored: true,
  otherLabels: {
    listed: '_labelTrainIds.png',
    ending: '_labelIds.png',
    labelMap: Object.fromEntries(Array.from({ length: LABEL_IDS }, (_, id) => [id, trainIds[id] ?? 255])),
  },
};

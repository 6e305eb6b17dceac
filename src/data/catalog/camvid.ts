import type { Dataset } from './dataset.ts';

/**
 * CamVid (Brostow, Fauqueur, Cipolla, Pattern Recognition Letters 2009) with the eleven classes of SegNet (Badrinarayanan,
 * Kendall, Cipolla, TPAMI 2017): label maps of grey levels 0..10, and 11 for unlabelled pixels.
 */
export const dataset: Dataset = {
  name: 'camvid',
  classes: ['sky', 'building', 'pole', 'road', 'pavement', 'tree', 'sign symbol', 'fence', 'car', 'pedestrian', 'bicyclist'],
  palette: [
    [128, 128, 128],
    [128, 0, 0],
    [192, 192, 128],
    [128, 64, 128],
    [60, 40, 222],
    [128, 128, 0],
    [192, 128, 128],
    [64, 64, 128],
    [64, 0, 128],
    [64, 64, 0],
    [0, 128, 192],
  ],
  labelMap: { 11: 255 },
  evalMode: 'original',
  asStored: true,
};

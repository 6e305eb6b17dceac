import { type Dataset, vocPalette } from './dataset.ts';

const classes = [
  'background',
  'aeroplane',
  'bicycle',
  'bird',
  'boat',
  'bottle',
  'bus',
  'car',
  'cat',
  'chair',
  'cow',
  'dining table',
  'dog',
  'horse',
  'motorbike',
  'person',
  'potted plant',
  'sheep',
  'sofa',
  'train',
  'tv monitor',
];

/**
 * Pascal VOC 2012 (Everingham et al., IJCV 2010), with the label maps of SBD (Hariharan et al., ICCV 2011) where the split names
 * them: palette indices, or grey levels of the same numbers; 255 are the borders of objects and what is too hard to tell.
 */
export const dataset: Dataset = { name: 'pascal', classes, palette: vocPalette(classes.length), evalMode: 'original', asStored: true };

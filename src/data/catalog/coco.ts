import { type Dataset, vocPalette } from './dataset.ts';

/** The 80 things in the order of COCO's category ids, whose gaps are closed up. */
const things = [
  ['person', 'bicycle', 'car', 'motorcycle', 'airplane', 'bus', 'train', 'truck', 'boat', 'traffic light'],
  ['fire hydrant', 'stop sign', 'parking meter', 'bench', 'bird', 'cat', 'dog', 'horse', 'sheep', 'cow'],
  ['elephant', 'bear', 'zebra', 'giraffe', 'backpack', 'umbrella', 'handbag', 'tie', 'suitcase', 'frisbee'],
  ['skis', 'snowboard', 'sports ball', 'kite', 'baseball bat', 'baseball glove', 'skateboard', 'surfboard', 'tennis racket', 'bottle'],
  ['wine glass', 'cup', 'fork', 'knife', 'spoon', 'bowl', 'banana', 'apple', 'sandwich', 'orange'],
  ['broccoli', 'carrot', 'hot dog', 'pizza', 'donut', 'cake', 'chair', 'couch', 'potted plant', 'bed'],
  ['dining table', 'toilet', 'tv', 'laptop', 'mouse', 'remote', 'keyboard', 'cell phone', 'microwave', 'oven'],
  ['toaster', 'sink', 'refrigerator', 'book', 'clock', 'vase', 'scissors', 'teddy bear', 'hair drier', 'toothbrush'],
].flat();
const classes = ['background', ...things];

/**
 * COCO 2017 (Lin et al., ECCV 2014) as the field uses it for segmentation (Zou et al., "PseudoSeg", ICLR 2021): grey label maps of
 * 0..80, 255 = ignore, in `masks/` beside the two folders of images. COCO has no colours of its own: they are Pascal VOC's.
 */
export const dataset: Dataset = {
  name: 'coco',
  classes,
  palette: vocPalette(classes.length),
  evalMode: 'original',
  asStored: true,
  unlabelledImages: { folder: 'train2017', ending: '.jpg' },
};

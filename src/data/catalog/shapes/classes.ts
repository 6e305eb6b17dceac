/**
 * The classes of the drawn pictures, the last three rare, and the colours in which their label maps are shown. Shares of
 * pixels (and of pictures that hold the class), over 300 pictures of 192 x 144: land 30 % (100 %), sky 26 % (100 %), water 11 %
 * (52 %), tree 9 % (87 %), road 9 % (53 %), house 8 % (63 %), car 3.4 % (43 %), boat 2.2 % (40 %), animal 2.1 % (49 %).
 */
export const SKY = 0;
export const LAND = 1;
export const TREE = 2;
export const WATER = 3;
export const ROAD = 4;
export const HOUSE = 5;
export const BOAT = 6;
export const CAR = 7;
export const ANIMAL = 8;

export const SHAPES_CLASSES = ['sky', 'land', 'tree', 'water', 'road', 'house', 'boat', 'car', 'animal'] as const;

export const SHAPES_PALETTE: readonly (readonly [number, number, number])[] = [
  [135, 190, 235],
  [168, 190, 88],
  [34, 110, 52],
  [38, 84, 170],
  [112, 104, 120],
  [214, 106, 60],
  [240, 240, 250],
  [206, 34, 90],
  [250, 204, 40],
];

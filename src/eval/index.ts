export { ConfusionMatrix } from './confusion.ts';
export { type Forward, type PredictOptions, predictClasses, slidingWindow, testTimeAugmentation, ttaScales } from './predict.ts';

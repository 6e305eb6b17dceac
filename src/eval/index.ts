export { ConfusionMatrix } from './confusion.ts';
export {
  classScores,
  type Forward,
  type PredictOptions,
  predictClasses,
  slidingWindow,
  testTimeAugmentation,
  ttaScales,
} from './predict.ts';
export { byReliability, reliability } from './reliability.ts';

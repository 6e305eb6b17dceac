export { contrastive, standardise } from './contrastive.ts';
export { ignoreLabel, maskedCrossEntropy, meanCrossEntropy, type OhemOptions, ohemCrossEntropy } from './cross-entropy.ts';

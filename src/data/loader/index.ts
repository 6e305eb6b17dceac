/** The loaders' public face. */
export { type EvalItem, EvalLoader, type EvalLoaderOptions } from './eval-loader.ts';
export { type LoaderBench, type LoaderSpeed, measureLoader } from './measure.ts';
export { iterationsPerEpoch } from './order.ts';
export { workersFor } from './pool.ts';
export { readLabels } from './source.ts';
export { type Stage, StagedLoader } from './staged-loader.ts';
export { type LabelledBatch, type TrainBatch, TrainLoader, type TrainLoaderOptions, type UnlabelledBatch } from './train-loader.ts';

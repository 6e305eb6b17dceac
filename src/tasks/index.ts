/** The library: what the commands do, as functions. Options and results are plain objects. */
export { loadConfig, parseConfig } from '../config/load.ts';
export type { Config } from '../config/schema.ts';
export { benchLoader } from './bench-loader.ts';
export { benchStep } from './bench-step.ts';
export { check } from './check.ts';
export type * from './check-types.ts';
export { convert } from './convert.ts';
export { doctor } from './doctor.ts';
export { evaluate } from './evaluate.ts';
export { init } from './init.ts';
export { predict } from './predict.ts';
export { quickstart } from './quickstart.ts';
export { compareRuns } from './runs.ts';
export { train } from './train.ts';
export { trainSeeds } from './train-seeds.ts';
export type * from './types.ts';

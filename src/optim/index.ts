export { Ema, emaKeep } from './ema.ts';
export { polyRate } from './schedule.ts';
export { type ParameterGroup, Sgd } from './sgd.ts';

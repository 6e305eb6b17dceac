/** The tensor engine: libtorch behind typed functions. The only folder that knows the addon. */
export * from './autograd.ts';
export * from './create.ts';
export * as ops from './generated/operators.ts';
export * from './runtime.ts';
export { liveTensors, persist, Scope, scope, scoped } from './scope.ts';
export { Tensor } from './tensor.ts';
export type * from './types.ts';

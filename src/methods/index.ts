import { dssn } from './dssn.ts';
import type { Method } from './method.ts';
import type { MethodOptions } from './options.ts';
import { supervised } from './supervised.ts';

/** All methods by name. */
export const methods = { supervised, dssn } satisfies Record<string, (options: MethodOptions) => Method>;
export type MethodName = keyof typeof methods;

export type { Method, StepContext, StepResult, Views } from './method.ts';
export type { MethodOptions } from './options.ts';

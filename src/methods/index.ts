import { dssn } from './dssn.ts';
import { fixmatch } from './fixmatch.ts';
import type { Method } from './method.ts';
import type { MethodOptions } from './options.ts';
import { st, stpp } from './st.ts';
import { supervised } from './supervised.ts';
import { unimatch } from './unimatch.ts';

/** All methods by name. */
export const methods = { supervised, st, stpp, fixmatch, unimatch, dssn } satisfies Record<string, (options: MethodOptions) => Method>;
export type MethodName = keyof typeof methods;

export type { Method, Round, StepContext, StepResult, Views } from './method.ts';
export { type MethodOptions, selectionOf } from './options.ts';
export type { Selection } from './selection.ts';

/** What `auto` means: the published settings of each method (SPEC sections 5, 8 and 8b), which follow `--set method=...`. */
import type * as z from 'zod';
import type { methods } from './names.ts';
import type { writtenSchema } from './schema.ts';

type Written = z.output<typeof writtenSchema>;
type Resolved<T, K extends keyof T> = Omit<T, K> & { [P in K]: Exclude<T[P], 'auto'> };

interface MethodDefaults {
  readonly rule: 'class-aware' | 'fixed' | 'none';
  readonly num_aug: number;
  readonly weight_strong: number;
  readonly weight_feature: number;
}

const dssn: MethodDefaults = { rule: 'class-aware', num_aug: 3, weight_strong: 0.25, weight_feature: 0.25 };
/** Hard labels of whole images; neither weight is read. */
const st: MethodDefaults = { ...dssn, rule: 'none', num_aug: 0 };

const defaults: Readonly<Record<(typeof methods)[number], MethodDefaults>> = {
  // Reads none of them.
  supervised: dssn,
  st,
  stpp: st,
  fixmatch: { rule: 'fixed', num_aug: 0, weight_strong: 1, weight_feature: 0 },
  unimatch: { rule: 'fixed', num_aug: 0, weight_strong: 0.25, weight_feature: 0.5 },
  dssn,
};

const filled = <T>(value: T | 'auto', otherwise: T): T => (value === 'auto' ? otherwise : value);

/** The configuration with every `auto` of the method's filled in. */
export function withMethodDefaults(written: Written): Omit<Written, 'data' | 'select' | 'loss'> & {
  data: Resolved<Written['data'], 'num_aug'>;
  select: Resolved<Written['select'], 'rule'>;
  loss: Resolved<Written['loss'], 'weight_strong' | 'weight_feature'>;
} {
  const { rule, num_aug, weight_strong, weight_feature } = defaults[written.method];
  const { data, select, loss } = written;
  return {
    ...written,
    data: { ...data, num_aug: filled(data.num_aug, num_aug) },
    select: { ...select, rule: filled(select.rule, rule) },
    loss: {
      ...loss,
      weight_strong: filled(loss.weight_strong, weight_strong),
      weight_feature: filled(loss.weight_feature, weight_feature),
    },
  };
}

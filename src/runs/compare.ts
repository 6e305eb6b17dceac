/** Which settings of configurations differ, of those that change what is learnt or reported. */
import { configKeys } from '../config/keys.ts';
import type { Config } from '../config/schema.ts';

/** Settings of the machine at hand and of what is written down on the way. */
const neutralKeys = [
  ...['device', 'threads', 'data.workers', 'train.checkpoint_every', 'train.keep_checkpoints', 'train.log_every'],
  ...['log.tensorboard', 'log.pictures'],
];
/** Where files lie: a run may go on with the same ones elsewhere. */
const placeKeys = ['pretrained', 'data.root'];

/** The keys with a value of their own whose values matter. */
const settings = configKeys
  .map(({ path }) => path)
  .filter((path) => !neutralKeys.includes(path) && !configKeys.some((other) => other.path.startsWith(`${path}.`)));

export interface Difference {
  readonly key: string;
  readonly before: unknown;
  readonly now: unknown;
}

function settingOf(config: Config, key: string): unknown {
  return key.split('.').reduce<unknown>((node, name) => (node as Record<string, unknown>)[name], config);
}

/** Whether `key` is `section` itself or stands in it. */
export const isWithin = (key: string, section: string): boolean => key === section || key.startsWith(`${section}.`);

/** The keys that a run and one that would go on from it must share. */
export const learningKeys: readonly string[] = settings.filter((key) => !placeKeys.includes(key));

/** The keys whose values differ between a run that began and one that would go on from it; the machine's own settings left out. */
export function differences(before: Config, now: Config): Difference[] {
  return learningKeys
    .map((key) => ({ key, before: settingOf(before, key), now: settingOf(now, key) }))
    .filter((pair) => JSON.stringify(pair.before) !== JSON.stringify(pair.now));
}

/** The keys that have not one value in all of the configurations, with each one's value. */
export function settingsThatDiffer(configs: readonly Config[]): { readonly key: string; readonly values: readonly unknown[] }[] {
  return settings
    .map((key) => ({ key, values: configs.map((config) => settingOf(config, key)) }))
    .filter(({ values }) => new Set(values.map((value) => JSON.stringify(value))).size > 1);
}

/** Equal for runs that differ in nothing that matters but their seed. */
export function apartFromSeed(config: Config): string {
  return JSON.stringify(settings.filter((key) => key !== 'seed').map((key) => settingOf(config, key)));
}

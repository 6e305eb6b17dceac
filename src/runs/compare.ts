/** Which settings of two configurations differ, of those that change what is learnt or reported. */
import { configKeys } from '../config/keys.ts';
import type { Config } from '../config/schema.ts';

/** Settings of the machine at hand: a run may go on with others. */
const machineKeys = [
  ...['device', 'threads', 'pretrained', 'data.root', 'data.workers'],
  ...['train.checkpoint_every', 'train.keep_checkpoints', 'train.log_every'],
];

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

/** The keys that two runs must share to be the same run: sections and machine settings left out. */
export const learningKeys: readonly string[] = configKeys
  .map(({ path }) => path)
  .filter((path) => !machineKeys.includes(path) && !configKeys.some((other) => other.path.startsWith(`${path}.`)));

/** The keys whose values differ, machine settings left out. */
export function differences(before: Config, now: Config): Difference[] {
  return learningKeys
    .map((key) => ({ key, before: settingOf(before, key), now: settingOf(now, key) }))
    .filter((pair) => JSON.stringify(pair.before) !== JSON.stringify(pair.now));
}

/** Which settings of two configurations differ, of those that change what is learnt or reported. */
import { configKeys } from '../config/keys.ts';
import type { Config } from '../config/schema.ts';

/** Settings of the machine at hand: a run may go on with others. */
const machineKeys = [
  ...['device', 'threads', 'pretrained', 'data.root', 'data.workers', 'train.checkpoint_every', 'train.log_every'],
  ...['log.tensorboard', 'log.pictures'],
];

export interface Difference {
  readonly key: string;
  readonly before: unknown;
  readonly now: unknown;
}

function settingOf(config: Config, key: string): unknown {
  return key.split('.').reduce<unknown>((node, name) => (node as Record<string, unknown>)[name], config);
}

/** The keys whose values differ, machine settings left out. */
export function differences(before: Config, now: Config): Difference[] {
  return configKeys
    .filter(({ path }) => !machineKeys.includes(path) && !configKeys.some((other) => other.path.startsWith(`${path}.`)))
    .map(({ path }) => ({ key: path, before: settingOf(before, path), now: settingOf(now, path) }))
    .filter((pair) => JSON.stringify(pair.before) !== JSON.stringify(pair.now));
}

/** Parsers of option values; commander prints what they throw, with the option's name. */
import { type Command, InvalidArgumentError } from 'commander';
import { ConfigError } from '../base/errors.ts';

/** An integer of at least `least`. */
export function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`Allowed: an integer of at least ${least}.`);
    return value;
  };
}

/** A number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) throw new InvalidArgumentError('Allowed: a number above 0.');
  return value;
}

/** Gathers an option that may be given many times. */
export function gather(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/**
 * Insists on options before a command acts. Commander's own required options are checked before unknown ones, so that
 * `--confg FILE` would be told that `--config` is missing, instead of what was meant.
 */
export function needs(...names: readonly string[]): (command: Command) => void {
  return (command) => {
    for (const name of names) {
      if (command.getOptionValue(name) === undefined) {
        const flags = command.options.find((option) => option.attributeName() === name)?.flags ?? name;
        command.error(`error: required option '${flags}' not specified`);
      }
    }
  };
}

/** Where weights come from: a run's, or a file's. */
export interface WeightsSource {
  readonly run?: string;
  readonly checkpoint?: string;
  readonly weights?: string;
  readonly config?: string;
  readonly set?: readonly string[];
}

/** Exactly one of --run and --checkpoint; --weights with --run alone, --config and --set with --checkpoint alone. */
export function checkSource({ run, checkpoint, weights, config, set }: WeightsSource): void {
  if ((run === undefined) === (checkpoint === undefined))
    throw new ConfigError(`exactly one of --run and --checkpoint must be given; ${run === undefined ? 'neither is' : 'both are'}`);
  if (checkpoint !== undefined && weights !== undefined)
    throw new ConfigError('--weights chooses among the weights of --run; --checkpoint is a file of weights itself');
  if (run !== undefined && config !== undefined) throw new ConfigError('--config goes with --checkpoint; a run has its own configuration');
  if (set !== undefined && config === undefined) throw new ConfigError('--set overrides keys of --config, which is not given');
}

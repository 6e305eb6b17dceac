/** What a run folder holds before anybody writes to it, and whether a training may begin or go on there. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { CheckpointError, ConfigError, messageOf } from '../base/errors.ts';
import { nearest } from '../base/suggest.ts';
import { parseConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { type Difference, differences, isWithin, learningKeys } from './compare.ts';
import { EVENTS, readEvents, type WeightsKind } from './events.ts';
import type { Manifest } from './manifest.ts';
import { earlierWeights, findWeights, RUN_FORMAT, verifyWeights, type Weights, weightsKinds } from './weights.ts';

export const CONFIG = 'config.json';
export const MANIFEST = 'manifest.json';

/** The configuration that a run began with. @throws CheckpointError if there is none, ConfigError if it is not valid. */
export function readConfig(folder: string): Config {
  const file = path.join(folder, CONFIG);
  if (!existsSync(file)) throw new CheckpointError(`${folder}: not a run folder: it holds no ${CONFIG}`);
  return parseConfig(readFileSync(file, 'utf8'), file);
}

/** @throws CheckpointError where it is not valid, or written by a later version */
export function readManifest(folder: string): Manifest | undefined {
  const file = path.join(folder, MANIFEST);
  if (!existsSync(file)) return undefined;
  try {
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
    if (manifest.format <= RUN_FORMAT) return manifest;
  } catch (error) {
    throw new CheckpointError(`${file}: not valid JSON: ${messageOf(error)}`, { cause: error });
  }
  throw new CheckpointError(`${file}: written by a later version of dssn; allowed: format ${RUN_FORMAT} or earlier`);
}

/** Whether the folder holds weights of any kind. */
export function holdsCheckpoint(folder: string): boolean {
  return weightsKinds.some((kind) => findWeights(folder, kind) !== undefined) || earlierWeights(folder).length > 0;
}

/** @throws CheckpointError for a folder of weights that is there and not whole */
export function checkNotDamaged(folder: string, kind: WeightsKind, remedy = 'mend it, or choose other weights'): void {
  if (existsSync(path.join(folder, kind)) && !findWeights(folder, kind))
    throw new CheckpointError(
      `${path.join(folder, kind)}: is damaged: a file is missing, or not of the size that its checkpoint.json says; ${remedy}`,
    );
}

/** Whether every byte is as it was written. */
function isSound(weights: Weights): boolean {
  try {
    verifyWeights(weights);
    return true;
  } catch {
    return false;
  }
}

export interface Inspection {
  readonly state: 'new' | 'resume' | 'finished';
  /** Where the configuration differs from the run's, as it was allowed to. */
  readonly changed: readonly Difference[];
}

/**
 * What a training into this folder would do: begin, go on, or nothing, since the run came to its end, its last checkpoint
 * whole. Builds nothing, so that a training can be refused before anything is.
 * @param allowChange keys, or sections, of the configuration that may differ from the run's
 * @throws CheckpointError for a damaged folder of weights, which beginning anew would remove; ConfigError if `folder` is a file;
 *   if it holds a checkpoint and `resume` is not set; if `resume` comes with a configuration that would make another run
 */
export function inspectRun(folder: string, config: Config, resume: boolean, allowChange: readonly string[] = []): Inspection {
  checkAllowed(allowChange, resume);
  if (existsSync(folder) && !statSync(folder).isDirectory()) throw new ConfigError(`${folder}: is a file; --out must name a folder`);
  for (const kind of weightsKinds) {
    const goesBack = kind === 'latest' && resume && earlierWeights(folder).length > 0;
    if (!goesBack) checkNotDamaged(folder, kind, 'mend it, or give another --out');
  }
  if (!holdsCheckpoint(folder)) return { state: 'new', changed: [] };
  if (!resume) throw new ConfigError(`${folder}: holds a checkpoint already; add --resume to go on from it, or give another --out`);
  const changed = differences(readConfig(folder), config);
  const refused = changed.filter(({ key }) => !allowChange.some((allowed) => isWithin(key, allowed)));
  if (refused.length > 0) {
    const lines = refused.map(({ key, before, now }) => `  ${key}: ${JSON.stringify(before)} in the run, ${JSON.stringify(now)} now`);
    throw new ConfigError(
      `${folder}: cannot go on with another configuration than the run began with\n${lines.join('\n')}\nallow it with ${refused.map(({ key }) => `--allow-config-change ${key}`).join(' ')}, or give another --out`,
    );
  }
  if (readManifest(folder)?.status === 'finished' && changed.length === 0) {
    const last = findWeights(folder, 'latest');
    // Somebody may have removed what only resuming needs.
    if (last ? isSound(last) : !existsSync(path.join(folder, 'latest'))) return { state: 'finished', changed };
  }
  if (findWeights(folder, 'latest') || earlierWeights(folder).length > 0) return { state: 'resume', changed };
  if (readEvents(path.join(folder, EVENTS)).some((event) => event.type === 'checkpoint' && event.kind === 'latest'))
    throw new CheckpointError(
      `${path.join(folder, 'latest')}: is missing, and no checkpoint before it is kept; put it back, or give another --out`,
    );
  return { state: 'new', changed };
}

/** @throws ConfigError for a key that no configuration has. */
function checkAllowed(keys: readonly string[], resume: boolean): void {
  if (keys.length > 0 && !resume) throw new ConfigError('--allow-config-change goes with --resume: a new run has nothing to differ from');
  for (const key of keys) {
    if (learningKeys.some((known) => isWithin(known, key))) continue;
    const meant = nearest(key, learningKeys);
    throw new ConfigError(
      `--allow-config-change: '${key}' is no key, or section, of the configuration that would make another run${meant ? `; did you mean '${meant}'?` : ''}`,
    );
  }
}

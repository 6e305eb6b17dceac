/**
 * YAML text and overrides -> a frozen `Config`. All problems are told at once, each as
 * `file.yaml:line:column key: what came; allowed: what is allowed`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type * as z from 'zod';
import { ConfigError, messageOf } from '../base/errors.ts';
import { nearest } from '../base/suggest.ts';
import { checkLengths, checkTogether, type Problem } from './checks.ts';
import { renameEarlier } from './earlier.ts';
import { childrenOf, infoOf, type KeyPath, sections, suggestionFor } from './keys.ts';
import { applyOverrides, type Override, parseOverride } from './overrides.ts';
import { type Config, configSchema } from './schema.ts';
import { parseYaml, type YamlSource } from './source.ts';

type Issue = z.core.$ZodIssue;
type Tree = Record<string, unknown>;
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value as one would type it, short enough for a line. */
function show(value: unknown): string {
  const shown = JSON.stringify(value) ?? String(value);
  return shown.length > 60 ? `${shown.slice(0, 57)}...` : shown;
}

function valueAt(tree: unknown, keyPath: KeyPath): unknown {
  return keyPath.reduce<unknown>((node, key) => (typeof node === 'object' && node !== null ? (node as Tree)[key] : undefined), tree);
}

/** Puts the place in front of a message: the override that set the value, else the file's line and column. */
function placed(source: YamlSource, overrides: readonly Override[], keyPath: KeyPath, part: 'key' | 'value', message: string): string {
  const culprit = overrides.findLast((override) => override.path.every((key, depth) => String(key) === String(keyPath[depth])));
  const where = culprit ? `--set ${culprit.text}:` : source.place(keyPath, part);
  return `${where} ${keyPath.length > 0 ? `${keyPath.join('.')}: ` : ''}${message}`;
}

/** One refused value (or several unknown keys) as problems with the words of the schema. */
function problemsOf(issue: Issue, raw: Tree): (Problem & { part: 'key' | 'value' })[] {
  const at = issue.path as KeyPath;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...at, key], part: 'key', message: `unknown key; ${suggestionFor([...at, key])}` }));
  const value = valueAt(raw, at);
  const info = infoOf(at);
  const allowed = info?.allowed ?? `a mapping with the keys ${childrenOf(at.join('.')).join(', ')}`;
  if (value === undefined) return [{ path: at, part: 'key', message: `missing; allowed: ${allowed}` }];
  if (issue.code === 'invalid_key') return [{ path: at, part: 'key', message: `not an allowed key; allowed: ${allowed}` }];
  const options = allowed.split(', ');
  const near = typeof value === 'string' ? nearest(value, options) : undefined;
  return [{ path: at, part: 'value', message: `got ${show(value)}; allowed: ${allowed}${near ? ` (did you mean ${near}?)` : ''}` }];
}

/** A section that is left out or left empty (all its keys commented out) counts as `{}`. */
function withSections(tree: Tree): Tree {
  for (const section of sections) tree[section] ??= {};
  return tree;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}

/**
 * Parses a configuration.
 * @param text YAML (JSON is YAML too)
 * @param file name for messages
 * @param overrides `key=value` texts, as given to `--set`
 * @throws ConfigError with a line for each problem
 */
export function parseConfig(text: string, file: string, overrides: readonly string[] = []): Config {
  const source = parseYaml(text, file);
  if (!isTree(source.value))
    throw new ConfigError(`${file}:1:1 got ${show(source.value)}; allowed: a mapping with the keys ${childrenOf('').join(', ')}`);
  const lines: string[] = [];
  const sets = overrides.map((override) => parseOverride(override, lines)).filter((override) => override !== undefined);
  const raw = withSections(structuredClone(source.value));
  applyOverrides(raw, sets);
  renameEarlier(raw);

  const result = configSchema.safeParse(raw);
  const tell = (problem: Problem, part: 'key' | 'value'): void => {
    lines.push(placed(source, sets, problem.path, part, problem.message));
  };
  for (const issue of result.error?.issues ?? []) for (const problem of problemsOf(issue, raw)) tell(problem, problem.part);
  for (const problem of checkLengths(raw)) tell(problem, 'key');
  if (result.success) for (const problem of checkTogether(result.data)) tell(problem, 'value');
  if (lines.length > 0 || !result.success) throw new ConfigError(lines.join('\n'));
  return deepFreeze(result.data);
}

/** A configuration already resolved, such as a run's `config.json`. */
export function resolveConfig(json: unknown, file = 'config.json'): Config {
  return parseConfig(JSON.stringify(json, null, 2), file);
}

/** Whether `data.split` is a path, not a name: it says so by how it begins. */
const isPath = (split: string): boolean => /^(?:\.{0,2}\/|\.{1,2}$)/.test(split);

/**
 * Reads a configuration file. Relative paths in `data.root`, `data.split` and `pretrained` are taken from the working directory and
 * made absolute, so that the run can be evaluated from anywhere.
 */
export function loadConfig(file: string, overrides: readonly string[] = []): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${file}: cannot be read: ${messageOf(error)}${neighbour(file)}`, { cause: error });
  }
  const config = parseConfig(text, file, overrides);
  const pretrained = config.pretrained === null || config.pretrained === 'auto' ? config.pretrained : path.resolve(config.pretrained);
  const { root, split } = config.data;
  const data = { ...config.data, root: path.resolve(root), split: isPath(split) ? path.resolve(split) : split };
  return deepFreeze({ ...config, pretrained, data });
}

/** The file beside it whose name is nearest. */
function neighbour(file: string): string {
  try {
    const found = nearest(path.basename(file), readdirSync(path.dirname(file)));
    return found ? `; did you mean ${path.join(path.dirname(file), found)}?` : '';
  } catch {
    return '';
  }
}

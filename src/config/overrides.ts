/** `--set a.b=c`: the value is YAML, the key must be one of the schema. */
import { parseDocument } from 'yaml';
import { isKnown, type KeyPath, suggestionFor } from './keys.ts';

export interface Override {
  readonly text: string;
  readonly path: KeyPath;
  readonly value: unknown;
}

/** Keys of which one takes the other's place: `--set train.iterations=100` over a file with `epochs: 20` means 100 iterations. */
const alternatives: readonly (readonly [string, string])[] = [
  ['train.iterations', 'train.epochs'],
  ['train.warmup.iterations', 'train.warmup.epochs'],
];

/** Reads one override, or says in `problems` what is wrong with it. */
export function parseOverride(text: string, problems: string[]): Override | undefined {
  const equals = text.indexOf('=');
  const key = text.slice(0, Math.max(0, equals)).trim();
  if (key === '') {
    problems.push(`--set ${text}: not of the form key=value, such as train.lr=0.01`);
    return undefined;
  }
  const path = key.split('.');
  if (!isKnown(path)) {
    problems.push(`--set ${text}: unknown key ${key}; ${suggestionFor(path)}`);
    return undefined;
  }
  const document = parseDocument(text.slice(equals + 1), { prettyErrors: false });
  if (document.errors[0]) {
    problems.push(`--set ${text}: the value is not valid YAML: ${document.errors[0].message}`);
    return undefined;
  }
  return { text, path, value: document.toJS() as unknown };
}

type Tree = Record<string, unknown>;
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null;

function put(tree: Tree, path: KeyPath, value: unknown): void {
  let node = tree;
  for (const key of path.slice(0, -1)) {
    if (!isTree(node[key])) node[key] = {};
    node = node[key] as Tree;
  }
  node[String(path.at(-1))] = value;
}

/** Writes the overrides into `tree`, in order; a later one wins. */
export function applyOverrides(tree: Tree, overrides: readonly Override[]): void {
  for (const { path, value } of overrides) {
    put(tree, path, value);
    const key = path.join('.');
    for (const pair of alternatives) {
      const other = pair[0] === key ? pair[1] : pair[1] === key ? pair[0] : undefined;
      const named = overrides.some((override) => override.path.join('.') === other);
      if (other && value !== null && !named) put(tree, other.split('.'), null);
    }
  }
}

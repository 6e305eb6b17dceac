/** Where a value of the configuration came from: a line and column of a YAML file, or an override on the command line. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { ConfigError } from '../base/errors.ts';
import type { KeyPath } from './keys.ts';

/** A parsed YAML file that can tell the place of each of its keys and values. */
export interface YamlSource {
  readonly file: string;
  /** The file's content as plain values; `{}` for an empty file. */
  readonly value: unknown;
  /** `file:line:column` of a key (`'key'`) or its value (`'value'`); of the nearest enclosing one if it is not there. */
  place(path: KeyPath, part: 'key' | 'value'): string;
}

function step(node: unknown, key: string | number): { key?: Node; value?: Node } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
    return pair ? { key: pair.key as Node, ...(pair.value ? { value: pair.value as Node } : {}) } : undefined;
  }
  if (isSeq(node)) {
    const item = node.items[Number(key)] as Node | undefined;
    return item ? { key: item, value: item } : undefined;
  }
  return undefined;
}

/** Parses a YAML text; throws ConfigError with every syntax error's place. */
export function parseYaml(text: string, file: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`;
  };
  if (document.errors.length > 0) {
    throw new ConfigError(document.errors.map((error) => `${at(error.pos[0])} not valid YAML: ${error.message}`).join('\n'));
  }
  return {
    file,
    value: document.toJS() ?? {},
    place(path, part) {
      let node: unknown = document.contents;
      let offset = 0;
      for (const [depth, key] of path.entries()) {
        const found = step(node, key);
        if (!found) break;
        const wanted = depth === path.length - 1 && part === 'value' ? (found.value ?? found.key) : found.key;
        offset = wanted?.range?.[0] ?? offset;
        node = isAlias(found.value) ? found.value.resolve(document) : found.value;
      }
      return at(offset);
    },
  };
}

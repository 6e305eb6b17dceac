import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { childrenOf, configKeys, isKnown, sections, suggestionFor } from './keys.ts';

const source = path.resolve(import.meta.dirname, '..');

/** The last name of `a.b.c` or `c`. */
function lastName(node: ts.Node): string | undefined {
  if (ts.isIdentifier(node)) return node.text;
  return ts.isPropertyAccessExpression(node) ? node.name.text : undefined;
}

/** Every `holder.name` that the code reads, by a dot or by taking `holder` apart (`const { name } = holder`). */
function readsOf(file: string, into: Set<string>): void {
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) into.add(`${lastName(node.expression)}.${node.name.text}`);
    if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name) && node.initializer)
      for (const { propertyName, name } of node.name.elements)
        into.add(`${lastName(node.initializer)}.${(propertyName ?? name).getText()}`);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true));
}

/** What the program reads: tests, the schema itself and the command line left out. */
function programReads(): Set<string> {
  const reads = new Set<string>();
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' }))
    if (file.endsWith('.ts') && !file.endsWith('.test.ts') && !['config', 'cli'].includes(file.split(path.sep)[0]!))
      readsOf(path.join(source, file), reads);
  return reads;
}

describe('the keys of the configuration', () => {
  it('are described, with what is allowed', () => {
    expect(configKeys.length).toBeGreaterThan(45);
    for (const key of configKeys) {
      expect(key.allowed.length, key.path).toBeGreaterThan(3);
      expect(key.description.length, key.path).toBeGreaterThan(12);
    }
  });

  it('know their sections', () => {
    expect(sections).toEqual(['model', 'data', 'train', 'select', 'loss', 'eval', 'log']);
    expect(childrenOf('train.warmup')).toEqual(['iterations', 'epochs']);
    expect(isKnown(['data', 'label_map', '11'])).toBe(true);
    expect(isKnown(['data', 'root', 'x'])).toBe(false);
    expect(suggestionFor(['moddel'])).toBe('did you mean model?');
  });

  it('are each read by the program: no setting that nothing reads', () => {
    const reads = programReads();
    const unread = configKeys
      .map((key) => key.path)
      .filter((key) => {
        const [name, holder = 'config'] = key.split('.').reverse();
        return !reads.has(`${holder}.${name}`);
      });
    expect(unread).toEqual([]);
  });
});

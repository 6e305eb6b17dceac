/**
 * Signatures are generated from PyTorch 2.13's schemas, and schemas drift: whatever engine is loaded must take each argument that
 * we pass at the same place, under the same name, with a compatible type and the same default.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { addon } from './binding.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const listed = JSON.parse(read('operators.json')) as Record<string, string>;
const generated = read('generated/operators.ts');

interface Argument {
  readonly name: string;
  readonly type: string;
  readonly default: string | undefined;
}

/** SymInt is int for those who pass plain numbers; `(a!)` tells aliases, which do not change how an operator is called. */
const typeOf = (text: string): string => text.replace(/\([a-z]!?(?: -> \*)?\)/g, '').replaceAll('SymInt', 'int');

/** `aten::name.overload(type name=default, *, ...) -> results` */
function parse(schema: string): { operator: string; arguments: Argument[]; results: string } {
  const [, operator, inside, results] = /^([\w:.]+)\((.*)\) -> (.*)$/s.exec(schema)!;
  const parts = inside!.split(/, (?![^[]*\])/).filter((part) => part !== '' && part !== '*');
  const found = parts.map((part) => {
    const [, type, name, value] = /^(.+?) (\w+)(?:=(.*))?$/.exec(typeOf(part))!;
    // One number stands for a list of equal ones, and is printed in both ways.
    const same = /^\[(\w+)(?:, \1)*\]$/.exec(value ?? '')?.[1];
    return { type: type!, name: name!, default: same ?? value };
  });
  return { operator: operator!, arguments: found, results: typeOf(results!) };
}

/** Our calls: the schema in the comment, and how many arguments the function passes at most. */
const calls = [
  ...generated.matchAll(/\/\*\* (aten::.*) \*\/\nexport function (\w+).*\n\s+(?:return )?\w+Native\((.*?)\)(?: as .*)?;/g),
].map(([, schema, name, passed]) => ({ name: name!, schema: schema!, passed: passed!.split(', ').length }));

describe('schemas of the loaded engine', () => {
  it('reads every operator of the list from the generated file', () => {
    expect(Object.fromEntries(calls.map(({ name, schema }) => [name, parse(schema).operator]))).toEqual(
      Object.fromEntries(Object.entries(listed).map(([name, wanted]) => [name, wanted.split('(')[0]])),
    );
  });

  it.each(calls)('$name', ({ schema, passed }) => {
    const ours = parse(schema);
    const [name, overload = ''] = ours.operator.split('.');
    const theirs = parse(addon.schema(name!, overload));
    expect(theirs.arguments.slice(0, passed)).toEqual(ours.arguments.slice(0, passed));
    expect(
      theirs.arguments.slice(passed).filter((argument) => argument.default === undefined && !argument.type.endsWith('?')),
      'arguments that we do not know have defaults',
    ).toEqual([]);
    expect(theirs.results).toBe(ours.results);
    expect(addon.operator(name!, overload)).toBeTypeOf('function');
  });

  it('refuses an operator that does not exist, by name', () => {
    expect(() => addon.operator('aten::no_such_operator', '')).toThrow(/no_such_operator/);
  });
});

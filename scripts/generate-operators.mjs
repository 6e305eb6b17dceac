#!/usr/bin/env node
/**
 * Writes src/torch/generated/operators.ts: a typed function for each operator in src/torch/operators.json, from the
 * schemas of the engine at hand (PyTorch 2.13's, so that everybody generates the same file). An operator may name the arguments
 * that are to be passed, in order and from the first: those that older engines know too.
 *
 *   node scripts/generate-operators.mjs           write
 *   node scripts/generate-operators.mjs --check   exit 1 if the file is not what would be written
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(fileURLToPath(import.meta.url), '..', '..');
const output = join(root, 'src', 'torch', 'generated', 'operators.ts');
const engines = JSON.parse(readFileSync(join(root, 'native', 'build', 'engine.json'), 'utf8'));
const engine = engines.engines[engines.active];
const generatedFrom = '2.13';
if (!engine.version.startsWith(generatedFrom)) {
  console.log(`signatures are generated from PyTorch ${generatedFrom}; the engine here is ${engine.version}: nothing to do`);
  process.exit(0);
}
const addon = createRequire(import.meta.url)(engine.addon);
const wanted = /** @type {Record<string, string>} */ (JSON.parse(readFileSync(join(root, 'src', 'torch', 'operators.json'), 'utf8')));

/**
 * Splits at commas outside brackets.
 * @param {string} text
 */
function split(text) {
  /** @type {string[]} */
  const parts = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = text[i];
    if (c === '(' || c === '[') depth++;
    if (c === ')' || c === ']') depth--;
    if (i === text.length || (c === ',' && depth === 0)) {
      const part = text.slice(start, i).trim();
      if (part) parts.push(part);
      start = i + 1;
    }
  }
  return parts;
}

/** @type {Readonly<Record<string, string>>} */
const scalars = {
  Tensor: 'Tensor',
  Scalar: 'number | bigint',
  int: 'number',
  SymInt: 'number',
  float: 'number',
  bool: 'boolean',
  str: 'string',
  ScalarType: 'DType',
  Device: 'Device',
  MemoryFormat: 'MemoryFormat',
  Layout: 'undefined',
  Generator: 'undefined',
};

/**
 * `SymInt[2]?` -> TypeScript.
 * @param {string} text
 * @returns {string}
 */
function typeOf(text) {
  const optional = text.endsWith('?');
  const bare = optional ? text.slice(0, -1) : text;
  const list = /^(.*)\[(\d*)\]$/.exec(bare);
  /** @type {string | undefined} */
  let type;
  if (list) {
    const element = typeOf(list[1] ?? '');
    type = `readonly ${element.includes('|') ? `(${element})` : element}[]`;
    if (list[2]) type = `${element} | ${type}`;
  } else {
    type = scalars[bare];
    if (!type) throw new Error(`no TypeScript type for ${bare}`);
  }
  return optional && type !== 'undefined' ? `${type} | null` : type;
}

/** @param {string} name */
const camel = (name) => name.replace(/_([a-z])/g, (match) => match.slice(1).toUpperCase());
const reserved = new Set(['function', 'in', 'new', 'default']);

/**
 * @typedef {{ type: string; name: string; optional: boolean; keywordOnly: boolean }} Parameter
 * @param {string} schema
 * @returns {{ parameters: Parameter[]; results: string[] }}
 */
function parse(schema) {
  const match = /^(\S+?)\((.*)\) -> (.*)$/s.exec(schema.replace(/\([a-z](?:!)?(?: -> \*)?\)/g, ''));
  if (!match) throw new Error(`cannot read the schema ${schema}`);
  let keywordOnly = false;
  /** @type {Parameter[]} */
  const parameters = [];
  for (const part of split(match[2] ?? '')) {
    if (part === '*') {
      keywordOnly = true;
      continue;
    }
    const [, type, name, , value] = /^(\S+) (\w+)(=(.*))?$/.exec(part) ?? [];
    if (type === undefined || name === undefined) throw new Error(`cannot read '${part}' of ${schema}`);
    parameters.push({
      type: typeOf(type),
      name: reserved.has(name) ? `${name}_` : camel(name),
      optional: value !== undefined || type.endsWith('?'),
      keywordOnly,
    });
  }
  const result = match[3] ?? '';
  const results = result.startsWith('(') ? split(result.slice(1, -1)).map((r) => r.split(' ')[0] ?? '') : [result];
  return { parameters, results };
}

/** @param {readonly string[]} results */
function resultType(results) {
  if (results.length === 0) return 'void';
  if (results.length > 1) return `[${results.map((r) => typeOf(r).replace('readonly ', '')).join(', ')}]`;
  return typeOf(results[0] ?? '').replace('readonly ', '');
}

/**
 * @param {string} name
 * @param {string} wanted `aten::name.overload`, or with the arguments that are to be passed: `aten::name.overload(self, ord)`
 */
function emit(name, wanted) {
  const [operator = '', known] = wanted.split(/[()]/);
  const [aten = '', overload = ''] = operator.split('.');
  const schema = addon.schema(aten, overload);
  const { parameters: all, results } = parse(schema);
  const parameters = known === undefined ? all : all.slice(0, split(known).length);
  if (known !== undefined && parameters.map((p) => p.name).join(', ') !== known) throw new Error(`${wanted}: the schema is ${schema}`);
  const positional = parameters.filter((p) => !p.keywordOnly);
  const keywords = parameters.filter((p) => p.keywordOnly && p.type !== 'undefined');
  const lastRequired = positional.map((p) => p.optional).lastIndexOf(false);
  const signature = positional.map((p, i) =>
    p.optional && i > lastRequired ? `${p.name}?: ${p.type}` : `${p.name}: ${p.optional ? `${p.type} | undefined` : p.type}`,
  );
  if (keywords.length)
    signature.push(
      `options: { ${keywords.map((p) => `${p.name}${p.optional ? '?' : ''}: ${p.type}`).join('; ')} }${keywords.every((p) => p.optional) ? ' = {}' : ''}`,
    );
  const lastKeyword = parameters.map((p) => p.keywordOnly && p.type !== 'undefined').lastIndexOf(true);
  const used = parameters.slice(0, Math.max(positional.length, lastKeyword + 1));
  const passed = used.map((p) => (p.type === 'undefined' ? 'undefined' : p.keywordOnly ? `options.${p.name}` : p.name));
  const result = resultType(results);
  const body = result === 'void' ? `  ${name}Native(${passed.join(', ')});` : `  return ${name}Native(${passed.join(', ')}) as ${result};`;
  return `const ${name}Native = operator('${aten}', '${overload}');\n/** ${schema} */\nexport function ${name}(${signature.join(', ')}): ${result} {\n${body}\n}\n`;
}

const text = `// Generated by scripts/generate-operators.mjs from the schemas of PyTorch ${generatedFrom}: do not edit; add to operators.json and run \`npm run generate\`.
import { operator } from '../binding.ts';
import type { Tensor } from '../tensor.ts';
import type { Device, DType, MemoryFormat } from '../types.ts';

${Object.entries(wanted)
  .map(([name, op]) => emit(name, op))
  .join('\n')}`;

if (process.argv.includes('--check')) {
  if (readFileSync(output, 'utf8') !== text) {
    console.error('src/torch/generated/operators.ts is not what the schemas say: run `npm run generate`');
    process.exit(1);
  }
  console.log('generated files are fresh');
} else {
  writeFileSync(output, text);
  console.log(`wrote ${Object.keys(wanted).length} operators`);
}

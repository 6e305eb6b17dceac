import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/**
 * Reading the imports of a tree of TypeScript files.
 *
 * @typedef {object} Import
 * @property {string} file path relative to the root
 * @property {number} line
 * @property {string} text what is imported, as written
 * @property {string | undefined} target path relative to the root; undefined for packages
 * @property {boolean} typeOnly vanishes when compiled
 */

const STATEMENT =
  /(?:^|[;\n])\s*(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s*)?['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]\s*\)|new URL\(\s*['"](\.[^'"\n]+)['"]/g;

/**
 * @param {string} root
 * @param {string} folder below it
 * @returns {Import[]} of every `.ts` file there
 */
export function readImports(root, folder) {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .flatMap((name) => importsOf(root, join(folder, name), readFileSync(join(root, folder, name), 'utf8')));
}

/**
 * @param {string} root
 * @param {string} file relative to the root
 * @param {string} source its text
 * @returns {Import[]}
 */
export function importsOf(root, file, source) {
  const code = withoutComments(source);
  return [...code.matchAll(STATEMENT)].map((match) => {
    const text = /** @type {string} */ (match[2] ?? match[3] ?? match[4]);
    const at = match.index + match[0].lastIndexOf(text);
    return { file, line: code.slice(0, at).split('\n').length, text, target: targetOf(root, file, text), typeOnly: Boolean(match[1]) };
  });
}

/**
 * Blanks comments but keeps the lines; strings stay, so `//` in a URL does not end a line.
 *
 * @param {string} source
 */
function withoutComments(source) {
  return source.replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (part) =>
    part.startsWith('/') ? part.replace(/[^\n]/g, ' ') : part,
  );
}

/**
 * @param {string} root
 * @param {string} file
 * @param {string} text
 */
function targetOf(root, file, text) {
  if (!text.startsWith('.')) return undefined;
  const path = resolve(root, dirname(file), text);
  const written = [path, path.replace(/\.js$/, '.ts')].find((candidate) => existsSync(candidate)) ?? path;
  return relative(root, written);
}

/**
 * @param {readonly Import[]} imports
 * @returns {string[][]} chains of files that import each other in a circle, each reported once
 */
export function findCycles(imports) {
  /** @type {Map<string, string[]>} */
  const graph = new Map();
  for (const { file, target, typeOnly } of imports)
    if (target !== undefined && !typeOnly) graph.set(file, [...(graph.get(file) ?? []), target]);
  /** @type {string[][]} */
  const cycles = [];
  const done = new Set();
  /** @type {string[]} */
  const path = [];
  /** @param {string} file */
  const visit = (file) => {
    const at = path.indexOf(file);
    if (at >= 0) cycles.push([...path.slice(at), file]);
    if (at >= 0 || done.has(file)) return;
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return cycles;
}

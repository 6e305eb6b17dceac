import { fileURLToPath } from 'node:url';
import { findCycles, readImports } from './imports.mjs';

/**
 * Checks who imports whom in src/, against the diagram of the design; prints each wrong arrow with file and line, and import cycles.
 *
 * @typedef {import('./imports.mjs').Import} Import
 */

/** For each folder of src/ the folders that it may import, besides itself, `base` and `formats`. */
const ALLOWED = /** @type {Readonly<Record<string, readonly string[]>>} */ ({
  base: [],
  formats: [],
  config: [],
  torch: [],
  nn: ['torch'],
  optim: ['nn', 'torch'],
  dist: ['nn', 'torch'],
  models: ['nn', 'torch'],
  losses: ['nn', 'torch'],
  methods: ['losses', 'models', 'nn', 'torch'],
  data: [],
  eval: ['nn', 'torch'],
  batch: ['data', 'torch'],
  train: ['batch', 'config', 'data', 'dist', 'eval', 'losses', 'methods', 'models', 'nn', 'optim', 'runs', 'torch'],
  // A run folder holds the configuration it was made from, and pictures: the shapes of both, never how they come about.
  runs: ['config', 'data/types.ts'],
  export: ['models', 'nn', 'torch'],
  serve: [],
  tasks: [
    'batch',
    'config',
    'data',
    'dist',
    'eval',
    'export',
    'losses',
    'methods',
    'models',
    'nn',
    'optim',
    'runs',
    'serve',
    'torch',
    'train',
  ],
  cli: ['config', 'tasks'],
});
const FOR_EVERYONE = ['base', 'formats'];
/** `base` stands alone. */
const ALONE = ['base'];
/** The one file that loads the addon. */
const ADDON_IMPORTER = 'src/torch/binding.ts';

/**
 * @param {readonly Import[]} imports
 * @returns {string[]} one line for each import that the design does not allow
 */
export function wrongArrows(imports) {
  return imports
    .filter(({ file }) => !file.endsWith('.test.ts'))
    .flatMap((one) => reasonAgainst(one)?.map((reason) => `${one.file}:${one.line}: ${reason}`) ?? []);
}

/**
 * @param {Import} one
 * @returns {string[] | undefined}
 */
function reasonAgainst({ file, text, target }) {
  if (/\.node$|native\/build/.test(text) && file !== ADDON_IMPORTER) return [`only ${ADDON_IMPORTER} loads the addon`];
  if (target === undefined || !target.startsWith('src/')) return undefined;
  const from = layerOf(file);
  const to = layerOf(target);
  if (from === undefined || to === undefined || from === to) return undefined;
  const allowed = ALLOWED[from];
  if (allowed === undefined) return [`src/${from} has no place in the layers; give it one in scripts/layers.mjs`];
  if (FOR_EVERYONE.includes(to) && !ALONE.includes(from)) return undefined;
  if (allowed.some((folder) => target === `src/${folder}` || target.startsWith(`src/${folder}/`))) return undefined;
  return [
    `${from} must not import ${to} ("${text}"); it may import ${[...(ALONE.includes(from) ? [] : FOR_EVERYONE), ...allowed].join(', ') || 'nothing of ours'}`,
  ];
}

/**
 * @param {string} file
 * @returns {string | undefined} the folder of src/ it lies in
 */
function layerOf(file) {
  return /^src\/([^/]+)\//.exec(file)?.[1];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const imports = readImports(fileURLToPath(new URL('..', import.meta.url)), 'src');
  const problems = [...wrongArrows(imports), ...findCycles(imports).map((cycle) => `import cycle: ${cycle.join(' -> ')}`)];
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.stdout.write(`layers: ${imports.length} imports, ${problems.length} wrong\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

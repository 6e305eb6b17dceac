import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { BUILD, ROOT } from './paths.mjs';
import { SetupError, tail } from './shell.mjs';
import { numbersOf } from './versions.mjs';

/**
 * Builds the addon for an engine and keeps `native/build/engine.json`, which the program reads to find it.
 *
 * @typedef {import('./libtorch.mjs').Libtorch} Libtorch
 * @typedef {import('./shell.mjs').Shell} Shell
 *
 * @typedef {object} BuiltEngine
 * @property {string} root the libtorch folder
 * @property {string} version
 * @property {import('./libtorch.mjs').Source} source
 * @property {string} addon absolute path
 * @property {string} fingerprint of all that the addon was built from
 *
 * @typedef {{ active: string | null, engines: Record<string, BuiltEngine> }} EngineFile
 */

const ENGINE_FILE = join(BUILD, 'engine.json');
const NATIVE = join(ROOT, 'native');
const resolver = createRequire(import.meta.url);

/** @returns {EngineFile} without the engines whose addon or folder is gone, or that belong to another copy of this tree */
export function readEngineFile() {
  /** @type {EngineFile} */
  let file;
  try {
    file = JSON.parse(readFileSync(ENGINE_FILE, 'utf8'));
  } catch {
    return { active: null, engines: {} };
  }
  const usable = Object.entries(file.engines).filter(
    ([, { addon, root }]) => addon.startsWith(BUILD) && existsSync(addon) && existsSync(root),
  );
  const engines = Object.fromEntries(usable);
  return { active: file.active !== null && file.active in engines ? file.active : null, engines };
}

/** @param {EngineFile} file */
export function writeEngineFile(file) {
  mkdirSync(BUILD, { recursive: true });
  const temporary = `${ENGINE_FILE}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(file, null, 2)}\n`);
  renameSync(temporary, ENGINE_FILE);
}

/**
 * @param {Libtorch} engine
 * @returns {string} changes when the engine, our sources, or the headers from npm do
 */
export function fingerprint(engine) {
  const hash = createHash('sha256').update(
    JSON.stringify([engine, headerPackage('node-addon-api').version, headerPackage('node-api-headers').version]),
  );
  for (const file of sources(NATIVE)) hash.update(relative(NATIVE, file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex').slice(0, 32);
}

/**
 * Compiles the addon and loads it once in a process of its own.
 *
 * @param {Shell} shell
 * @param {Libtorch} engine
 * @returns {BuiltEngine}
 * @throws {SetupError} with the compiler's last lines; a {@link LoadError} if it compiled but the engine does not load on this machine
 */
export function buildAddon(shell, engine) {
  const mark = fingerprint(engine);
  const folder = join(BUILD, engine.id);
  const cache = join(folder, 'CMakeCache.txt');
  if (existsSync(cache) && !readFileSync(cache, 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${NATIVE}\n`))
    rmSync(folder, { recursive: true });
  mkdirSync(folder, { recursive: true });
  const definitions = {
    CMAKE_BUILD_TYPE: 'None',
    ENGINE_INCLUDE: engine.include,
    ENGINE_LIB: engine.lib,
    ENGINE_ABI: String(engine.abi),
    ENGINE_CXX: Number(numbersOf(engine.version)[0]) >= 2 ? '20' : '17',
    NODE_ADDON_API: headerPackage('node-addon-api').folder,
    NODE_API_HEADERS: join(headerPackage('node-api-headers').folder, 'include'),
  };
  step(shell, 'cmake', [
    '-S',
    NATIVE,
    '-B',
    folder,
    '-G',
    'Ninja',
    ...Object.entries(definitions).map(([name, value]) => `-D${name}=${value}`),
  ]);
  step(shell, 'cmake', ['--build', folder, '--parallel', String(availableParallelism())]);
  const addon = join(folder, 'dssn_native.node');
  const loaded = shell.run(process.execPath, ['-e', `require(${JSON.stringify(addon)})`], { env: { OMP_WAIT_POLICY: 'PASSIVE' } });
  if (loaded.status !== 0)
    throw new LoadError(`${engine.root}: PyTorch ${engine.version} does not load on this machine:\n${tail(loaded.stderr, 8)}`);
  return { root: engine.root, version: engine.version, source: engine.source, addon, fingerprint: mark };
}

/** The engine itself does not run here, so another one may. */
export class LoadError extends SetupError {
  /** @override */
  name = 'LoadError';
}

/**
 * @param {Shell} shell
 * @param {string} command
 * @param {string[]} words
 */
function step(shell, command, words) {
  const result = shell.run(command, words);
  if (result.status !== 0) throw new SetupError(`building the addon failed:\n${tail(result.stdout, 60)}\n${tail(result.stderr)}`);
}

/** @param {string} name of a package of headers */
function headerPackage(name) {
  let file;
  try {
    file = resolver.resolve(`${name}/package.json`);
  } catch {
    throw new SetupError(`the npm package ${name} is not installed: run "npm run setup"`);
  }
  return { folder: dirname(file), version: String(JSON.parse(readFileSync(file, 'utf8')).version) };
}

/**
 * @param {string} folder
 * @returns {string[]} all files that the addon is built from, in a fixed order
 */
function sources(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => join(folder, entry.name) !== BUILD)
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? sources(join(folder, entry.name)) : [join(folder, entry.name)]));
}

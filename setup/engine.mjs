import { existsSync } from 'node:fs';
import * as apt from './apt.mjs';
import { describe, OLDEST, tryDescribe } from './libtorch.mjs';
import { cacheFolder } from './paths.mjs';
import { machine, SetupError } from './shell.mjs';
import { compareVersions } from './versions.mjs';
import { cachedEngines, fetchWheel, WHEEL_VERSION } from './wheel.mjs';

/**
 * The roads to a libtorch, in the order in which they are tried.
 *
 * @typedef {import('./shell.mjs').Shell} Shell
 * @typedef {import('./libtorch.mjs').Libtorch} Libtorch
 * @typedef {import('./libtorch.mjs').Source} Source
 *
 * @typedef {object} Where
 * @property {Shell} shell
 * @property {NodeJS.ProcessEnv} environment
 * @property {string} cache
 * @property {string} system where Debian's packages put files
 * @property {(text: string) => void} say
 */

const DEBIAN_PACKAGES = ['libtorch-dev', 'libopenblas0-pthread'];

/**
 * @param {Partial<Where>} [given]
 * @returns {Where}
 */
export function here(given = {}) {
  const environment = given.environment ?? process.env;
  return { shell: machine, environment, cache: cacheFolder(environment), system: '/usr', say: () => {}, ...given };
}

/**
 * The road that the user forces, by DSSN_ENGINE or `--engine`.
 *
 * @param {string | undefined} word
 * @returns {Source | undefined}
 * @throws {SetupError} for another word than those known
 */
export function forcedRoad(word) {
  if (!word) return undefined;
  const known = /** @type {const} */ ({ libtorch: 'LIBTORCH', wheel: 'wheel', debian: 'debian' });
  const source = known[/** @type {keyof typeof known} */ (word.toLowerCase())];
  if (!source) throw new SetupError(`DSSN_ENGINE=${word}: allowed are ${Object.keys(known).join(', ')}`);
  return source;
}

/**
 * All engines that lie on this machine now; nothing is fetched.
 *
 * @param {Partial<Where>} [given]
 * @returns {Libtorch[]} in the order of preference
 */
export function installedEngines(given) {
  const where = here(given);
  const named = where.environment.LIBTORCH ? tryDescribe(where.environment.LIBTORCH, 'LIBTORCH') : undefined;
  const debian = tryDescribe(where.system, 'debian');
  return [...(named ? [named] : []), ...cachedEngines(where.cache), ...(debian ? [debian] : [])];
}

/**
 * Takes the first road that leads to an engine.
 *
 * @param {Partial<Where>} given
 * @param {{ road?: Source | undefined, not?: readonly Source[] }} [choice] a forced road; roads that were found not to work
 * @returns {Promise<Libtorch>}
 * @throws {SetupError} listing every way to supply one, and why each that was tried did not work
 */
export async function obtainEngine(given, choice = {}) {
  const where = here(given);
  const roads = /** @type {const} */ ([
    ['LIBTORCH', fromVariable],
    ['wheel', fromWheel],
    ['debian', fromDebian],
  ]);
  const reasons = [];
  for (const [source, take] of roads) {
    if ((choice.road && choice.road !== source) || choice.not?.includes(source)) continue;
    if (source === 'LIBTORCH' && !where.environment.LIBTORCH && !choice.road) continue;
    try {
      return await take(where);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      // A folder that the user named is meant: another engine in its place would be a surprise.
      if (source === 'LIBTORCH') throw new SetupError(`LIBTORCH: ${error.message}\n${waysToSupply()}`);
      reasons.push(`${source === 'wheel' ? "PyTorch's CPU wheel" : "Debian's package"}: ${error.message}`);
    }
  }
  throw new SetupError(
    `no libtorch (PyTorch's C++ library, ${OLDEST} or newer) could be had here.\n${reasons.map((reason) => `- ${reason}`).join('\n')}\n${waysToSupply()}`,
  );
}

/** @returns {string} what to do, for errors and for `dssn doctor` */
export function waysToSupply() {
  return `Any of these supplies one; then run "npm run setup" (or "npx dssn doctor" where dssn was installed by npm):
  1. LIBTORCH=/path/to/libtorch   a libtorch folder, or the torch folder of a Python install (this is how one gets CUDA)
  2. ${cacheFolder()}/libtorch-VERSION   such a folder put into the cache by hand
  3. pip with access to a package index: the CPU wheel torch==${WHEEL_VERSION}+cpu is fetched (190 MB) and unpacked; nothing of Python is kept
  4. Debian or Ubuntu with root or sudo: apt-get install ${DEBIAN_PACKAGES.join(' ')}   (${OLDEST} or newer)`;
}

/** @param {Where} where */
function fromVariable(where) {
  if (!where.environment.LIBTORCH) throw new SetupError('the variable is not set; it names a libtorch folder');
  return describe(where.environment.LIBTORCH, 'LIBTORCH');
}

/** @param {Where} where */
async function fromWheel(where) {
  const [newest] = cachedEngines(where.cache);
  if (newest) return newest;
  return fetchWheel(where.shell, where.cache, where.say);
}

/** @param {Where} where */
function fromDebian(where) {
  const { shell } = where;
  const there = tryDescribe(where.system, 'debian');
  if (there && hasOpenBlas(there)) return there;
  if (!shell.has('apt-get')) throw new SetupError('this is no Debian or Ubuntu (no apt-get)');
  const known = () => apt.candidateVersion(shell, 'libtorch-dev');
  const candidate = known() ?? (apt.privilege(shell) !== undefined && apt.update(shell) ? known() : undefined);
  if (!there && candidate === undefined) throw new SetupError('apt knows no libtorch-dev');
  if (!there && candidate !== undefined && compareVersions(candidate, OLDEST) < 0) {
    throw new SetupError(`apt's libtorch-dev is ${candidate}; ${OLDEST} or newer is needed`);
  }
  where.say(`installing ${DEBIAN_PACKAGES.join(' and ')} with apt`);
  try {
    apt.install(shell, DEBIAN_PACKAGES);
  } catch (error) {
    // Without OpenBLAS the engine works, slowly; doctor says so.
    if (!there || !(error instanceof SetupError)) throw error;
    return there;
  }
  return describe(where.system, 'debian');
}

/**
 * Debian's libtorch takes whichever BLAS is installed; the reference one is several times slower.
 *
 * @param {Libtorch} engine
 */
export function hasOpenBlas(engine) {
  return existsSync(`${engine.lib}/openblas-pthread`) || existsSync(`${engine.lib}/openblas-openmp`);
}

/**
 * How much longer a training step takes than with the fastest engine known, measured on two cores without AMX (PyTorch 2.13 against 1.13).
 *
 * @param {Libtorch} used
 * @returns {{ text: string, how: string } | undefined} a faster engine than `used`, and how to get it
 */
export function fasterEngine(used) {
  if (used.cuda || compareVersions(used.version, WHEEL_VERSION) >= 0) return undefined;
  return {
    text: `PyTorch ${WHEEL_VERSION} from the CPU wheel takes 1.3 to 1.5 times less time for a training step than ${used.version}`,
    how: 'npm run setup -- --engine wheel',
  };
}

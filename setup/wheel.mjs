import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { tryDescribe } from './libtorch.mjs';
import { withLock } from './lock.mjs';
import { SetupError, tail } from './shell.mjs';
import { compareVersions } from './versions.mjs';
import { unpackZip } from './zip.mjs';

/**
 * PyTorch's CPU wheel, used as an archive: it holds a whole libtorch. Nothing of Python is kept, and none is run but pip, to find the file.
 *
 * @typedef {import('./shell.mjs').Shell} Shell
 * @typedef {import('./libtorch.mjs').Libtorch} Libtorch
 */

export const WHEEL_VERSION = '2.13.0';
const REQUIREMENT = `torch==${WHEEL_VERSION}+cpu`;
const PYTORCH_INDEX = 'https://download.pytorch.org/whl/cpu';
/** Of the wheel and of what is unpacked from it, with some air; bytes. */
const SPACE_NEEDED = 900e6;
const TEMPORARY = '.unpacking-';

/**
 * The engines that earlier set-ups unpacked, newest first.
 *
 * @param {string} cache
 * @returns {Libtorch[]}
 */
export function cachedEngines(cache) {
  if (!existsSync(cache)) return [];
  return readdirSync(cache)
    .filter((name) => name.startsWith('libtorch-'))
    .flatMap((name) => tryDescribe(join(cache, name), 'wheel') ?? [])
    .sort((left, right) => compareVersions(right.version, left.version));
}

/**
 * Finds the wheel with pip and unpacks it into the cache; safe when several set-ups do so at once.
 *
 * @param {Shell} shell
 * @param {string} cache
 * @param {(text: string) => void} say told before a long download
 * @returns {Promise<Libtorch>}
 * @throws {SetupError} saying what pip said
 */
export async function fetchWheel(shell, cache, say) {
  const pip = findPip(shell);
  if (pip === undefined) throw new SetupError('no pip here (Debian: apt-get install python3-pip)');
  const target = join(cache, `libtorch-${WHEEL_VERSION}`);
  mkdirSync(cache, { recursive: true });
  return withLock(target, async () => {
    const there = tryDescribe(target, 'wheel');
    if (there) return there;
    for (const name of readdirSync(cache)) if (name.startsWith(TEMPORARY)) rmSync(join(cache, name), { recursive: true, force: true });
    checkSpace(cache);
    say(`fetching PyTorch ${WHEEL_VERSION}'s CPU wheel with pip (190 MB, 460 MB unpacked, once for all clones)`);
    const temporary = mkdtempSync(join(cache, TEMPORARY));
    try {
      const whole = join(temporary, 'libtorch');
      await unpackZip(downloadWheel(shell, pip, temporary), whole, placeOf);
      rmSync(target, { recursive: true, force: true });
      renameSync(whole, target);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
    const engine = tryDescribe(target, 'wheel');
    if (!engine) throw new SetupError(`${target}: the wheel of ${REQUIREMENT} holds no libtorch`);
    return engine;
  });
}

/**
 * Where an entry of the wheel goes: libraries, headers, CMake files and licences stay; Python, its glue and tests go.
 *
 * @param {string} name
 * @returns {string | undefined}
 */
export function placeOf(name) {
  if (/\.dist-info\/(licenses\/|LICENSE|NOTICE)/.test(name)) return `licences/${name.replace(/^.*\.dist-info\/(licenses\/)?/, '')}`;
  if (
    name.endsWith('.py') ||
    /^torch\/lib\/(libtorch_python|libshm|libbackend_with_compiler|libjitbackend_test|libtorchbind_test|libaoti_custom_ops)/.test(name)
  ) {
    return undefined;
  }
  const inside = /^torch\/((?:lib|include|share\/cmake)\/.*)$/.exec(name)?.[1];
  // Wheels made by auditwheel keep the libraries they brought along beside the package.
  return inside ?? /^(torch\.libs\/.*)$/.exec(name)?.[1];
}

/**
 * @param {Shell} shell
 * @returns {string[] | undefined} the words that begin a pip command
 */
function findPip(shell) {
  const ways = [['pip3'], ['pip'], ['python3', '-m', 'pip']];
  return ways.find(
    ([command, ...rest]) =>
      shell.has(/** @type {string} */ (command)) && shell.run(/** @type {string} */ (command), [...rest, '--version']).status === 0,
  );
}

/**
 * @param {Shell} shell
 * @param {string[]} pip
 * @param {string} folder
 * @returns {string} the wheel's path
 */
function downloadWheel(shell, pip, folder) {
  const said = [];
  for (const attempt of attempts()) {
    const [command = 'pip', ...words] = [...pip, 'download', ...attempt, '--dest', folder, REQUIREMENT];
    const result = shell.run(command, words, { env: { PIP_DISABLE_PIP_VERSION_CHECK: '1' } });
    const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
    if (result.status === 0 && wheel) return join(folder, wheel);
    said.push(`${[command, ...words].join(' ')}\n${tail(result.stderr, 2)}`);
  }
  throw new SetupError(`pip could not bring ${REQUIREMENT}:\n${said.join('\n')}`);
}

/** The indexes that this machine is configured with, then PyTorch's own; a Python that has no such wheel asks in the name of one that has. */
export function attempts() {
  const common = ['--no-deps', '--no-cache-dir', '--only-binary=:all:', '--retries', '1', '--progress-bar', 'off'];
  const another = ['--python-version', '3.11'];
  const own = ['--index-url', PYTORCH_INDEX];
  return [common, [...common, ...own], [...common, ...another], [...common, ...another, ...own]];
}

/** @param {string} folder */
function checkSpace(folder) {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < SPACE_NEEDED) {
    throw new SetupError(
      `${folder}: ${Math.round((bavail * bsize) / 1e6)} MB free, ${SPACE_NEEDED / 1e6} MB needed for the engine; DSSN_CACHE=/another/folder puts it elsewhere`,
    );
  }
}

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SetupError } from './shell.mjs';
import { compareVersions } from './versions.mjs';

/** The oldest PyTorch that the addon compiles against. */
export const OLDEST = '1.13';

/**
 * @typedef {'LIBTORCH' | 'wheel' | 'debian'} Source where an engine came from
 *
 * @typedef {object} Libtorch
 * @property {string} id names the engine, and its folder in native/build: `wheel-2.13.0`
 * @property {Source} source
 * @property {string} root the folder that was found
 * @property {string} version `2.13.0`
 * @property {string} include folder of headers
 * @property {string} lib folder of shared libraries
 * @property {0 | 1} abi the C++ library's string layout it was built with (_GLIBCXX_USE_CXX11_ABI)
 * @property {boolean} cuda whether it has CUDA kernels
 */

/**
 * Looks into a folder for a whole libtorch.
 *
 * @param {string} folder a libtorch folder, the `torch` folder of a Python install, a site-packages or virtual environment, or `/usr`
 * @param {Source} source
 * @returns {Libtorch}
 * @throws {SetupError} naming the file that is missing, or the version that is too old
 */
export function describe(folder, source) {
  const root = realRoot(resolve(folder));
  const include = join(root, 'include');
  const library = libraryFolders(root).find((candidate) => existsSync(join(candidate, 'libtorch_cpu.so')));
  const version = readVersion(include);
  if (version === undefined)
    throw new SetupError(`${root}: no libtorch with headers here (include/torch/csrc/api/include/torch/version.h is missing)`);
  if (library === undefined) throw new SetupError(`${root}: no libtorch here (lib/libtorch_cpu.so is missing)`);
  if (compareVersions(version, OLDEST) < 0) throw new SetupError(`${root}: PyTorch ${version} is too old; ${OLDEST} or newer is needed`);
  const suffix = source === 'LIBTORCH' ? `-${createHash('sha256').update(root).digest('hex').slice(0, 6)}` : '';
  return {
    id: `${source.toLowerCase()}-${version}${suffix}`,
    source,
    root,
    version,
    include,
    lib: library,
    abi: readAbi(root, library),
    cuda: existsSync(join(library, 'libtorch_cuda.so')),
  };
}

/**
 * @param {string} folder
 * @param {Source} source
 * @returns {Libtorch | undefined} undefined where there is none
 */
export function tryDescribe(folder, source) {
  try {
    return describe(folder, source);
  } catch (error) {
    if (error instanceof SetupError) return undefined;
    throw error;
  }
}

/** @param {string} folder */
function realRoot(folder) {
  const environments = existsSync(join(folder, 'pyvenv.cfg'))
    ? readdirSync(join(folder, 'lib')).map((python) => join(folder, 'lib', python, 'site-packages', 'torch'))
    : [];
  const inside = [folder, join(folder, 'torch'), ...environments];
  return inside.find((candidate) => existsSync(join(candidate, 'include', 'torch'))) ?? folder;
}

/** @param {string} root */
function libraryFolders(root) {
  const processor = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  return [join(root, 'lib'), join(root, 'lib', `${processor}-linux-gnu`), join(root, 'lib64')];
}

/**
 * @param {string} include
 * @returns {string | undefined}
 */
function readVersion(include) {
  const files = ['torch/headeronly/version.h', 'torch/csrc/api/include/torch/version.h'].map((file) => join(include, file));
  for (const file of files.filter((candidate) => existsSync(candidate))) {
    const text = readFileSync(file, 'utf8');
    const parts = ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1]);
    if (parts.every((part) => part !== undefined)) return parts.join('.');
  }
  return undefined;
}

/**
 * Wheels before 2.6 were built with the old layout; TorchConfig.cmake tells.
 *
 * @param {string} root
 * @param {string} library
 * @returns {0 | 1}
 */
function readAbi(root, library) {
  const files = [join(root, 'share/cmake/Torch/TorchConfig.cmake'), join(library, 'cmake/Torch/TorchConfig.cmake')];
  const text = files.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8'));
  return text.some((content) => content.includes('_GLIBCXX_USE_CXX11_ABI=0')) ? 0 : 1;
}

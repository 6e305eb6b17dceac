import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as apt from './apt.mjs';
import { forcedRoad, installedEngines, obtainEngine, waysToSupply } from './engine.mjs';
import { describe, tryDescribe } from './libtorch.mjs';
import { buildAddon, fingerprint, LoadError, readEngineFile, writeEngineFile } from './native.mjs';
import { BUILD, ROOT } from './paths.mjs';
import { findAllocator } from './runtime.mjs';
import { SetupError, tail } from './shell.mjs';

/**
 * The steps of set-up. Each looks at once whether there is anything to do, and says what it did.
 *
 * @typedef {import('./engine.mjs').Where} Where
 * @typedef {import('./libtorch.mjs').Source} Source
 *
 * @typedef {object} Options
 * @property {boolean} nativeOnly for an installed package: only the engine and the addon
 * @property {string | undefined} engine the road that `--engine` names; it is remembered
 *
 * @typedef {object} Step
 * @property {string} name
 * @property {(where: Where, options: Options) => boolean} ready
 * @property {(where: Where, options: Options) => string | Promise<string>} work says what was done
 */

/** Commands that the build needs, and the packages of Debian and Ubuntu that bring them. */
const TOOLS = /** @type {const} */ ({ 'g++': 'g++', cmake: 'cmake', ninja: 'ninja-build' });
/** tcmalloc: 15 % less memory and time in a training step than glibc's malloc. Welcome, not needed. */
const ALLOCATOR_PACKAGE = 'libtcmalloc-minimal4';
const MARKS = join(BUILD, 'marks.json');

/** @type {Step} */
const engine = {
  name: 'engine and addon',
  ready(where, options) {
    const chosen = chosenEngine(where, options);
    return chosen !== undefined && isFresh(chosen);
  },
  async work(where, options) {
    const file = readEngineFile();
    const road = forcedRoad(options.engine ?? where.environment.DSSN_ENGINE);
    const remembered = chosenEngine(where, options);
    /** @type {Source[]} */
    const broken = [];
    for (;;) {
      const known = remembered && broken.length === 0 ? tryDescribe(remembered.root, remembered.source) : undefined;
      const found = known ?? (await obtainEngine(where, { road, not: broken }));
      where.say(`building the addon for PyTorch ${found.version} (${found.root})`);
      try {
        file.engines[found.id] = buildAddon(where.shell, found);
      } catch (error) {
        if (!(error instanceof LoadError) || road || found.source === 'LIBTORCH') throw error;
        where.say(error.message);
        broken.push(found.source);
        continue;
      }
      for (const [id, { root }] of Object.entries(file.engines)) if (id !== found.id && root === found.root) delete file.engines[id];
      if (options.engine || !road || file.active === null) file.active = found.id;
      writeEngineFile(file);
      return `PyTorch ${found.version} (${found.source}, ${found.root})`;
    }
  },
};

/** @type {Step} */
const systemPackages = {
  name: 'system packages',
  // Where the addon is built already, the tools that built it may be gone.
  ready: (where, options) => engine.ready(where, options) || (missingTools(where.shell).length === 0 && !mayInstallAllocator(where.shell)),
  work(where) {
    const { shell } = where;
    const needed = missingTools(shell);
    if (needed.length > 0) installTools(where, needed);
    /** @type {string[]} */
    const done = [...needed];
    if (mayInstallAllocator(shell) || (needed.length > 0 && !findAllocator())) {
      try {
        apt.install(shell, [allocatorPackage(shell)]);
        done.push(ALLOCATOR_PACKAGE);
      } catch (error) {
        if (!(error instanceof SetupError)) throw error;
        done.push(`no ${ALLOCATOR_PACKAGE} to be had (optional)`);
      }
      writeMark('allocatorTried', 'yes');
    }
    return `apt: ${done.join(', ')}`;
  },
};

/** @type {Step} */
const npmPackages = {
  name: 'npm packages',
  ready: (_where, options) => options.nativeOnly || lockedPackagesAreThere(),
  work({ shell }) {
    const result = shell.run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: ROOT, env: { DSSN_SETUP: '1' } });
    if (result.status !== 0) throw new SetupError(`"npm ci" failed:\n${tail(result.stderr)}`);
    return /added \d+ packages/.exec(result.stdout)?.[0] ?? 'npm ci';
  },
};

/** @type {Step} */
const typescript = {
  name: 'TypeScript',
  ready: (_where, options) =>
    options.nativeOnly || (readMarks().typescript === sourceMark() && existsSync(join(ROOT, 'dist', 'cli', 'main.js'))),
  work({ shell }) {
    const mark = sourceMark();
    const result = shell.run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], { cwd: ROOT });
    if (result.status !== 0) throw new SetupError(`the TypeScript build failed:\n${tail(result.stdout)}`);
    removeOrphans();
    writeMark('typescript', mark);
    return 'dist';
  },
};

export const STEPS = [systemPackages, npmPackages, engine, typescript];

/** @param {import('./shell.mjs').Shell} shell */
function missingTools(shell) {
  return Object.entries(TOOLS).flatMap(([command, name]) => (shell.has(command) ? [] : [name]));
}

/**
 * Where the tools cannot be had an engine often cannot either: its user learns of both at once.
 *
 * @param {Where} where
 * @param {readonly string[]} needed
 */
function installTools(where, needed) {
  try {
    apt.install(where.shell, needed);
  } catch (error) {
    if (!(error instanceof SetupError) || installedEngines(where).length > 0) throw error;
    throw new SetupError(`${error.message}\nThere is no libtorch (PyTorch's C++ library) here yet either. ${waysToSupply()}`);
  }
}

/**
 * Root is not asked for anything; others are only where something needed is missing too.
 *
 * @param {import('./shell.mjs').Shell} shell
 */
function mayInstallAllocator(shell) {
  return shell.root && shell.has('apt-get') && !findAllocator() && readMarks().allocatorTried !== 'yes';
}

/**
 * Ubuntu 24.04 and Debian 13 renamed it for 64-bit time.
 *
 * @param {import('./shell.mjs').Shell} shell
 */
function allocatorPackage(shell) {
  const names = [ALLOCATOR_PACKAGE, `${ALLOCATOR_PACKAGE}t64`];
  return names.find((name) => apt.candidateVersion(shell, name) !== undefined) ?? ALLOCATOR_PACKAGE;
}

/**
 * The engine that runs would use now: the forced one, the one that LIBTORCH names, else the one remembered.
 *
 * @param {Where} where
 * @param {Options} options
 */
function chosenEngine(where, options) {
  const { active, engines } = readEngineFile();
  const road = forcedRoad(options.engine ?? where.environment.DSSN_ENGINE) ?? (where.environment.LIBTORCH ? 'LIBTORCH' : undefined);
  const remembered = active === null ? undefined : engines[active];
  if (!road) return remembered;
  if (road === 'LIBTORCH') {
    if (!where.environment.LIBTORCH) return remembered?.source === road ? remembered : undefined;
    const id = tryDescribe(where.environment.LIBTORCH, road)?.id ?? '';
    return active === id || where.environment.DSSN_ENGINE ? engines[id] : undefined;
  }
  if (options.engine) return remembered?.source === road ? remembered : undefined;
  return remembered?.source === road ? remembered : Object.values(engines).find((built) => built.source === road);
}

/** @param {import('./native.mjs').BuiltEngine} built */
function isFresh(built) {
  try {
    return fingerprint(describe(built.root, built.source)) === built.fingerprint;
  } catch (error) {
    if (error instanceof SetupError) return false;
    throw error;
  }
}

/** Does node_modules hold what the lock file names? Packages for other platforms are rightly missing. */
function lockedPackagesAreThere() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const packages = [join(ROOT, 'package-lock.json'), installed].map((file) => JSON.parse(readFileSync(file, 'utf8')).packages);
  const [locked, there] = packages;
  return Object.entries(locked).every(([path, { version, optional, os, cpu, libc }]) => {
    if (path === '' || there[path]?.version === version) return true;
    return there[path] === undefined && Boolean(optional || os || cpu || libc);
  });
}

/** Names, sizes and times of all sources, and what compiles them. */
function sourceMark() {
  const hash = createHash('sha256');
  for (const file of ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json']) hash.update(readFileSync(join(ROOT, file)));
  for (const name of readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).sort()) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
    const { size, mtimeMs } = statSync(join(ROOT, 'src', name));
    hash.update(`${name} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex').slice(0, 32);
}

/** What came of sources that are gone must not be imported by mistake; the rest stays, since a running program may yet load it. */
function removeOrphans() {
  for (const name of readdirSync(join(ROOT, 'dist'), { recursive: true, encoding: 'utf8' })) {
    const source = name.replace(/(\.d\.ts|\.js|\.js\.map)$/, '.ts');
    if (source !== name && !existsSync(join(ROOT, 'src', source))) rmSync(join(ROOT, 'dist', name));
  }
}

/** @returns {Record<string, string>} what earlier set-ups noted about their work */
function readMarks() {
  try {
    return JSON.parse(readFileSync(MARKS, 'utf8'));
  } catch {
    return {};
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
function writeMark(name, value) {
  mkdirSync(BUILD, { recursive: true });
  writeFileSync(MARKS, `${JSON.stringify({ ...readMarks(), [name]: value }, null, 2)}\n`);
}

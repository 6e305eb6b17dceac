#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readEngineFile } from '../setup/native.mjs';
import { ROOT } from '../setup/paths.mjs';
import { computeEnvironment } from '../setup/runtime.mjs';

/**
 * The command `dssn`: sets up what is missing or out of date, takes up the environment that computing needs, and runs the program.
 * With a memory allocator to preload, this process replaces itself once (execve), so there is one process from first to last:
 * signals and exit codes are the program's own.
 */

const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
/** These must answer on a machine where set-up cannot finish. `runs` reads run folders, wherever they were trained. */
const NEEDS_NO_ENGINE = new Set(['doctor', 'runs', 'help', '--help', '-h', '--version', '-V']);

async function prepare() {
  const word = process.argv[2] ?? '--help';
  if (NEEDS_NO_ENGINE.has(word) && existsSync(MAIN)) return;
  const { isSetUp, setUp } = await import('../setup/setup.mjs');
  if (!isSetUp()) await setUp();
}

/** Puts the variables into this process, or starts it anew with them where only that takes them up. */
function takeUpEnvironment() {
  const { changed, preload } = computeEnvironment(process.env);
  if (preload) {
    const environment = { ...process.env, ...changed };
    const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    const replace = findExec();
    replace?.(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], words);
    // Without a way to replace the process the system's allocator does the work.
    delete changed.LD_PRELOAD;
  }
  Object.assign(process.env, changed);
}

/** @returns {((file: string, words: string[], environment: string[]) => void) | undefined} the addon's execve */
function findExec() {
  const { active, engines } = readEngineFile();
  const built = engines[active ?? ''] ?? Object.values(engines)[0];
  if (built === undefined) return undefined;
  const addon = join(built.addon, '..', 'dssn_exec.node');
  return existsSync(addon) ? createRequire(import.meta.url)(addon).exec : undefined;
}

try {
  await prepare();
  takeUpEnvironment();
} catch (error) {
  const known = error instanceof Error && error.name.endsWith('Error') && !process.env.DSSN_DEBUG;
  process.stderr.write(`error: ${known ? error.message : error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
}
const { main } = await import(MAIN);
process.exitCode = await main(process.argv.slice(2));

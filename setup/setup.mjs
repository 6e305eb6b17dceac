import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { forcedRoad, here } from './engine.mjs';
import { withLock } from './lock.mjs';
import { readEngineFile } from './native.mjs';
import { ROOT } from './paths.mjs';
import { SetupError } from './shell.mjs';
import { STEPS } from './steps.mjs';

/**
 * Brings a clone, or an installed package, to the point where everything runs; does nothing where nothing is missing.
 *
 *   node setup/setup.mjs [--engine libtorch|wheel|debian]
 *
 * `--engine` chooses the engine and remembers it; DSSN_ENGINE chooses for one command. All output goes to stderr.
 */

/** An installed package has neither sources nor a lock file: only the engine and the addon are to be made. */
const IS_PACKAGE = !existsSync(join(ROOT, 'src')) || !existsSync(join(ROOT, 'package-lock.json'));

/**
 * @param {string} [engine]
 * @returns {boolean} true where set-up has nothing to do; takes a few milliseconds
 */
export function isSetUp(engine) {
  return pendingSteps(here(), { nativeOnly: IS_PACKAGE, engine }).length === 0;
}

/**
 * @param {{ engine?: string | undefined, nativeOnly?: boolean, say?: (text: string) => void }} [choice]
 * @returns {Promise<void>}
 * @throws {SetupError} what is missing and how to supply it
 */
export async function setUp({ engine, nativeOnly = IS_PACKAGE, say = (text) => void process.stderr.write(`${text}\n`) } = {}) {
  const options = { nativeOnly, engine };
  const where = here({ say: (text) => say(`  ${' '.repeat(18)}${text}`) });
  if (pendingSteps(where, options).length === 0) return;
  const start = performance.now();
  say(`setting up dssn in ${ROOT}`);
  await withLock(
    ROOT,
    async () => {
      for (const step of STEPS) {
        const begin = performance.now();
        const done = step.ready(where, options) ? 'ready' : await run(step, where, options, say);
        say(`  ${step.name.padEnd(18)}${done}${done === 'ready' ? '' : `  ${seconds(begin)}`}`);
      }
    },
    () => say('  another set-up is at work in this folder: waiting for it'),
  );
  say(`  done in ${seconds(start)}`);
}

/**
 * @param {import('./engine.mjs').Where} where
 * @param {import('./steps.mjs').Options} options
 */
function pendingSteps(where, options) {
  return STEPS.filter((step) => !step.ready(where, options));
}

/**
 * @param {import('./steps.mjs').Step} step
 * @param {import('./engine.mjs').Where} where
 * @param {import('./steps.mjs').Options} options
 * @param {(text: string) => void} say
 */
async function run(step, where, options, say) {
  say(`  ${step.name.padEnd(18)}...`);
  return step.work(where, options);
}

/** @returns {string} the engine that a run would use, for people */
function activeEngine() {
  const { active, engines } = readEngineFile();
  const road = forcedRoad(process.env.DSSN_ENGINE);
  const used = road ? Object.values(engines).find(({ source }) => source === road) : engines[active ?? ''];
  return used ? `PyTorch ${used.version} (${used.source}, ${used.root})` : 'no engine';
}

/** @param {number} since */
function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { values } = parseArgs({ options: { engine: { type: 'string' } } });
    if (isSetUp(values.engine)) process.stderr.write(`dssn is set up: ${activeEngine()}\n`);
    else await setUp({ engine: values.engine });
  } catch (error) {
    process.stderr.write(
      `${error instanceof SetupError && !process.env.DSSN_DEBUG ? `set-up failed: ${error.message}` : /** @type {Error} */ (error).stack}\n`,
    );
    process.exitCode = 1;
  }
}

import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's own folder: a clone, or `node_modules/dssn`. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** Where addons are built, one folder an engine, and where `engine.json` and the fingerprints lie. */
export const BUILD = join(ROOT, 'native', 'build');

/**
 * The user's cache, where unpacked engines live and are shared by all clones.
 *
 * @param {NodeJS.ProcessEnv} [environment]
 * @returns {string} `DSSN_CACHE`, else `XDG_CACHE_HOME/dssn`, else `~/.cache/dssn`
 */
export function cacheFolder(environment = process.env) {
  if (environment.DSSN_CACHE) return environment.DSSN_CACHE;
  if (environment.XDG_CACHE_HOME) return join(environment.XDG_CACHE_HOME, 'dssn');
  return join(environment.HOME ?? homedir(), '.cache', 'dssn');
}

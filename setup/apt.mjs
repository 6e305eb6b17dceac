import { SetupError, tail } from './shell.mjs';

/** @typedef {import('./shell.mjs').Shell} Shell */

/**
 * How commands that need root are begun: with nothing, with sudo, or not at all.
 *
 * @param {Shell} shell
 * @returns {string[] | undefined} undefined where this user may not install packages
 */
export function privilege(shell) {
  if (shell.root) return [];
  if (!shell.has('sudo')) return undefined;
  if (shell.terminal) return ['sudo'];
  return shell.run('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined;
}

/**
 * @param {Shell} shell
 * @param {string} name of a package
 * @returns {string | undefined} the version that apt would install
 */
export function candidateVersion(shell, name) {
  if (!shell.has('apt-cache')) return undefined;
  const found = /Candidate:\s*(\S+)/.exec(shell.run('apt-cache', ['policy', name], { env: { LC_ALL: 'C' } }).stdout)?.[1];
  return found === undefined || found === '(none)' ? undefined : found;
}

/**
 * Refreshes apt's lists of packages.
 *
 * @param {Shell} shell
 * @returns {boolean} whether it could
 */
export function update(shell) {
  return asRoot(shell, ['apt-get', '-o', 'DPkg::Lock::Timeout=300', 'update', '-qq']).status === 0;
}

/**
 * Installs packages, refreshing apt's lists only if they do not know the packages or are out of date.
 *
 * @param {Shell} shell
 * @param {readonly string[]} names
 * @throws {SetupError} naming the packages and the command to type
 */
export function install(shell, names) {
  const byHand = `apt-get install ${names.join(' ')}`;
  if (!shell.has('apt-get')) {
    throw new SetupError(
      `missing: ${names.join(', ')} (names of Debian's packages). There is no apt here: install them with this system's own package manager.`,
    );
  }
  if (privilege(shell) === undefined) {
    throw new SetupError(
      `missing: ${names.join(', ')}. They need root to install, and neither root nor sudo without a password is at hand. Run: sudo ${byHand}`,
    );
  }
  const command = [
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    '-o',
    'DPkg::Lock::Timeout=300',
    'install',
    '-y',
    '-qq',
    '--no-install-recommends',
    ...names,
  ];
  if (names.some((name) => candidateVersion(shell, name) === undefined)) update(shell);
  let result = asRoot(shell, command);
  if (result.status !== 0 && update(shell)) result = asRoot(shell, command);
  if (result.status !== 0) throw new SetupError(`"${byHand}" failed:\n${tail(result.stderr || result.stdout, 12)}`);
}

/**
 * @param {Shell} shell
 * @param {string[]} command
 */
function asRoot(shell, command) {
  const [first, ...rest] = [...(privilege(shell) ?? []), ...command];
  return shell.run(/** @type {string} */ (first), rest);
}

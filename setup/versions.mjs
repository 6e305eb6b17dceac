/**
 * Compares dotted version numbers, ignoring what follows the numbers: `1.13.1+dfsg-4` counts as 1.13.1.
 *
 * @param {string} left
 * @param {string} right
 * @returns {number} below, equal to or above zero as `left` is older than, the same as or newer than `right`
 */
export function compareVersions(left, right) {
  const [a, b] = [numbersOf(left), numbersOf(right)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * @param {string} version
 * @returns {number[]} its leading numbers; a Debian epoch (`1:2.3`) is dropped
 */
export function numbersOf(version) {
  const match = /^(?:\d+:)?v?(\d+(?:\.\d+)*)/.exec(version.trim());
  if (!match) throw new Error(`not a version number: ${JSON.stringify(version)}`);
  return /** @type {string} */ (match[1]).split('.').map(Number);
}

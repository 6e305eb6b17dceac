import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Checks that what README.md and docs/ name is there: paths in links and in `code`, and npm scripts.
 */

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What only exists after set-up or a run, or is a place on the reader's machine. */
const MADE_LATER = /^(?:dist|node_modules|runs|native\/build|quickstart|coverage)(?:\/|$)/;
/** A path below a folder of ours, or a file in the root. */
const OURS =
  /^(?:\.\.?\/)*(?:\.ci|bench|bin|configs|docs|native|scripts|setup|splits|src|test|weights|web)\/[\w./-]*$|^[\w-]+\.(?:md|json|ts)$/;

/**
 * @param {string} file relative to the root
 * @param {string} text
 * @param {{ exists: (path: string) => boolean, scripts: readonly string[] }} project
 * @returns {string[]} one line for each name that leads nowhere
 */
export function deadNames(file, text, project) {
  return text.split('\n').flatMap((line, index) => {
    const links = [...line.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map((match) => String(match[1]))
      .filter((link) => !/^[a-z]+:/.test(link));
    const words = [...line.matchAll(/`([^`]+)`/g)].flatMap((match) => String(match[1]).split(/\s+/)).filter((word) => OURS.test(word));
    const runs = [...line.matchAll(/npm run ([\w:-]+)/g)].map((match) => String(match[1]));
    const places = [...new Set([...links, ...words])].filter((path) => !MADE_LATER.test(path) && !isThere(file, path, project.exists));
    return [
      ...places.map((path) => `${file}:${index + 1}: there is no ${path}`),
      ...runs.filter((name) => !project.scripts.includes(name)).map((name) => `${file}:${index + 1}: there is no npm script "${name}"`),
    ];
  });
}

/**
 * @param {string} file
 * @param {string} path
 * @param {(path: string) => boolean} exists
 */
function isThere(file, path, exists) {
  return exists(path) || exists(join(dirname(file), path));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const docs = existsSync(join(ROOT, 'docs'))
    ? readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name))
    : [];
  const files = ['README.md', ...docs].filter((name) => basename(name).endsWith('.md'));
  const scripts = Object.keys(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts);
  const exists = (/** @type {string} */ path) => existsSync(join(ROOT, path));
  const problems = files.flatMap((file) => deadNames(file, readFileSync(join(ROOT, file), 'utf8'), { exists, scripts }));
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.stdout.write(`docs: ${files.length} files, ${problems.length} dead names\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

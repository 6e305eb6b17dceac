import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Sums up a CI run: the checks, and the tests in vitest's JSON reports. Fails on any failure, on a run of tests without tests,
 * and on any skip but those for want of a GPU, whose names say "cuda" or "GPU".
 *
 *   node .ci/summary.mjs FOLDER
 *
 * @typedef {{ status: string, fullName: string }} Test
 * @typedef {{ success: boolean, testResults: { name: string, status: string, message: string, assertionResults: Test[] }[] }} Report
 */

const folder = String(process.argv[2]);
const checks = readFileSync(join(folder, 'checks'), 'utf8').trim().split('\n');
/** @type {string[]} */
const failures = checks.filter((line) => line.startsWith('failed')).map((line) => `check "${line.split('\t')[1]}"`);
let passed = checks.length - failures.length;
let skipped = 0;

for (const name of readdirSync(folder).filter((file) => file.endsWith('.json') && existsSync(join(folder, file)))) {
  /** @type {Report} */
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const run = name.replace('.json', '');
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  if (tests.length === 0) failures.push(`${run}: no tests`);
  for (const file of report.testResults) {
    if (file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'))
      failures.push(`${run}: ${file.name}: ${file.message}`);
  }
  for (const test of tests) {
    if (test.status === 'passed') passed += 1;
    else if (test.status === 'failed') failures.push(`${run}: ${test.fullName}`);
    else if (/cuda|gpu/i.test(test.fullName)) skipped += 1;
    else failures.push(`${run}: skipped for another reason than a missing GPU: ${test.fullName}`);
  }
}

for (const failure of failures) process.stdout.write(`FAILED ${failure}\n`);
process.stdout.write(`${passed} passed, ${failures.length} failed, ${skipped} skipped\n`);
process.exitCode = failures.length > 0 ? 1 : 0;

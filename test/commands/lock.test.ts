/** Several processes that want one run folder at the same time: one gets it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'dssn-lock-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const lockModule = fileURLToPath(new URL('../../dist/runs/lock.js', import.meta.url));
/** Takes the lock at a given moment, says whether it got it, and lives until its input ends. */
const taker = (start: number): string => `
  const { lockRun } = await import(${JSON.stringify(lockModule)});
  while (Date.now() < ${start}) {}
  try { lockRun(${JSON.stringify(folder)}); console.log('held'); } catch (error) { console.log(error.name + ': ' + error.message); }
  process.stdin.resume();
`;

async function race(count: number): Promise<string[]> {
  const start = Date.now() + 1500;
  const processes = Array.from({ length: count }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', taker(start)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  const words = await Promise.all(
    processes.map(
      (child) => new Promise<string>((resolve) => child.stdout.once('data', (data: Buffer) => resolve(data.toString().trim()))),
    ),
  );
  for (const child of processes) child.stdin.end();
  await Promise.all(processes.map((child) => new Promise((resolve) => child.once('exit', resolve))));
  return words;
}

it.each(['no lock', "a dead process's lock", 'a lock cut short'])('with %s one of six processes gets the folder', async (before) => {
  rmSync(join(folder, '.lock'), { force: true });
  if (before !== 'no lock')
    writeFileSync(
      join(folder, '.lock'),
      before.startsWith('a dead') ? JSON.stringify({ host: hostname(), process: 2 ** 22, began: '1' }) : '{"ho',
    );
  const words = await race(6);
  expect(words.filter((word) => word === 'held')).toHaveLength(1);
  for (const word of words.filter((other) => other !== 'held')) expect(word).toMatch(/^ConfigError: .*process \d+ is writing this run/);
  expect(readdirSync(folder)).toEqual(['.lock']);
});

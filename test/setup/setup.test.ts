import { describe, expect, test } from 'vitest';
import { privilege } from '../../setup/apt.mjs';
import { withLock } from '../../setup/lock.mjs';
import { cacheFolder } from '../../setup/paths.mjs';
import { computeEnvironment } from '../../setup/runtime.mjs';
import { compareVersions } from '../../setup/versions.mjs';
import { fakeShell } from './fake.ts';

test.each([
  ['1.13.1+dfsg-4', '1.13', 1],
  ['1.8.1-2', '1.13', -1],
  ['2.6.0', '2.13.0', -1],
  ['1:2.3', '2.3.0', 0],
  ['2.13.0+cpu', '2.13', 0],
])('version %s against %s', (left, right, sign) => {
  expect(Math.sign(compareVersions(left, right))).toBe(sign);
  expect(Math.sign(compareVersions(right, left))).toBe(0 - sign);
});

test('a word that is no version is refused', () => {
  expect(() => compareVersions('new', '1.0')).toThrow(/not a version number: "new"/);
});

test('the lock lets one at a time through, and is free again after a failure', async () => {
  const events: string[] = [];
  const work = (name: string) => async () => {
    events.push(`${name} in`);
    await new Promise((resolve) => setTimeout(resolve, 30));
    events.push(`${name} out`);
    if (name === 'a') throw new Error('a failed');
  };
  let waited = 0;
  const name = `test ${process.pid}`;
  const results = await Promise.allSettled([withLock(name, work('a')), withLock(name, work('b'), () => (waited += 1))]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(events).toEqual(['a in', 'a out', 'b in', 'b out']);
  expect(waited).toBe(1);
});

test('the cache lies where the variables say', () => {
  expect(cacheFolder({ HOME: '/h' })).toBe('/h/.cache/dssn');
  expect(cacheFolder({ HOME: '/h', XDG_CACHE_HOME: '/x' })).toBe('/x/dssn');
  expect(cacheFolder({ HOME: '/h', XDG_CACHE_HOME: '/x', DSSN_CACHE: '/d' })).toBe('/d');
});

describe('rights', () => {
  const sudo = (works: boolean) => () => ({ status: works ? 0 : 1 });
  test('root needs nothing, a terminal may ask, elsewhere only a sudo without a password will do', () => {
    expect(privilege(fakeShell([], undefined, { root: true }))).toEqual([]);
    expect(privilege(fakeShell(['sudo'], sudo(false), { terminal: true }))).toEqual(['sudo']);
    expect(privilege(fakeShell(['sudo'], sudo(true)))).toEqual(['sudo', '-n']);
    expect(privilege(fakeShell(['sudo'], sudo(false)))).toBeUndefined();
    expect(privilege(fakeShell([]))).toBeUndefined();
  });
});

describe('the environment of a computing process', () => {
  test('waits passively unless told otherwise, and leaves a preload of the user alone', () => {
    expect(computeEnvironment({ DSSN_MALLOC: 'system' })).toEqual({ changed: { OMP_WAIT_POLICY: 'PASSIVE' }, preload: false });
    expect(computeEnvironment({ OMP_WAIT_POLICY: 'ACTIVE', LD_PRELOAD: '/x.so' })).toEqual({ changed: {}, preload: false });
  });
});

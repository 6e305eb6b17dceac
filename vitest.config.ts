import { defineConfig } from 'vitest/config';

/** Every test file gets its own process: the addon's threads and grad mode are per process. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    env: { OMP_NUM_THREADS: '1' },
  },
  oxc: { target: 'es2022' },
});

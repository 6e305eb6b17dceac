import { defineConfig } from 'vitest/config';

/** Every test file gets its own process: the addon's threads and grad mode are per process. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Tests of whole commands take seconds; the rest is for machines that do much else at the same time.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    env: { OMP_NUM_THREADS: '1' },
  },
  oxc: { target: 'es2022' },
});

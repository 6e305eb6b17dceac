import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The golden tests alone: PyTorch's numbers, read from the folder in DSSN_GOLDEN, else from test/golden. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({ test: { include: ['src/**/*.golden.test.ts', 'test/**/*.golden.test.ts'], testTimeout: 600_000 } }),
);

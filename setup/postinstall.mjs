import { setUp } from './setup.mjs';

/**
 * npm's hook. Where dssn is installed as a package it makes the engine and the addon; in a clone, `npm run setup` and the README's commands do.
 * It never makes the installation fail: the program itself says what is missing, and this says how to go on.
 */
if (process.env.DSSN_SETUP !== '1' && process.env.DSSN_SKIP_NATIVE !== '1') {
  try {
    await setUp({ nativeOnly: true });
  } catch (error) {
    process.stderr.write(`dssn: the engine is not ready: ${error instanceof Error ? error.message : error}\n`);
    process.stderr.write(
      'dssn: the installation itself is complete. "npx dssn doctor" says what is missing; any other command tries again.\n',
    );
  }
}

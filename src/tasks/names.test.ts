import { expect, it } from 'vitest';
import { configKeys } from '../config/keys.ts';
import * as names from '../config/names.ts';
import { methods } from '../methods/index.ts';
import { selectionRules } from '../methods/selection.ts';
import { backboneNames } from '../models/index.ts';

/** The schema has its own words, so that `--help` need not load the engine. */
it('the words of the configuration are those of the registries', () => {
  expect([...names.methods]).toEqual(Object.keys(methods));
  expect([...names.backbones]).toEqual(backboneNames);
  expect(configKeys.find(({ path }) => path === 'select.rule')?.allowed).toBe(['auto', ...selectionRules].join(', '));
});

import { describe, expect, test } from 'vitest';
import { deadNames } from '../../scripts/docs.mjs';
import { findCycles, importsOf } from '../../scripts/imports.mjs';
import { wrongArrows } from '../../scripts/layers.mjs';

const read = (file: string, source: string) => importsOf('/nowhere', file, source);

describe('layers', () => {
  test('a wrong arrow is named with file and line; comments and strings are no imports', () => {
    const source = `// import { a } from '../torch/tensor.ts';
import { b } from '../base/errors.ts';
/* import '../torch/x.ts' */
import type {
  Tensor,
} from '../torch/tensor.ts';
const late = await import('../models/resnet.ts');
`;
    expect(wrongArrows(read('src/data/loader.ts', source))).toEqual([
      'src/data/loader.ts:6: data must not import torch ("../torch/tensor.ts"); it may import base, formats',
      'src/data/loader.ts:7: data must not import models ("../models/resnet.ts"); it may import base, formats',
    ]);
  });

  test('the arrows of the design are allowed, and tests may import more', () => {
    expect(wrongArrows(read('src/batch/door.ts', "import '../data/types.ts'; import '../torch/tensor.ts';"))).toEqual([]);
    expect(wrongArrows(read('src/data/a.test.ts', "import '../torch/tensor.ts';"))).toEqual([]);
    expect(wrongArrows(read('src/base/a.ts', "import '../formats/x.ts';"))).toHaveLength(1);
    expect(wrongArrows(read('src/novel/a.ts', "import '../base/x.ts';"))[0]).toMatch(/no place in the layers/);
    expect(wrongArrows(read('src/nn/a.ts', "import x from '../../native/build/a.node';"))[0]).toMatch(/loads the addon/);
  });

  test('cycles are found, but not those of types alone', () => {
    const cycle = [
      ...read('src/nn/a.ts', "import './b.ts';"),
      ...read('src/nn/b.ts', "export * from './c.ts';"),
      ...read('src/nn/c.ts', "import { a } from './a.ts';"),
    ];
    expect(findCycles(cycle)).toEqual([['src/nn/a.ts', 'src/nn/b.ts', 'src/nn/c.ts', 'src/nn/a.ts']]);
    expect(findCycles([...read('src/nn/a.ts', "import './b.ts';"), ...read('src/nn/b.ts', "import type { A } from './a.ts';")])).toEqual(
      [],
    );
  });
});

test('docs: dead paths and npm scripts are named with their line', () => {
  const project = { exists: (path: string) => path === 'docs/log.md', scripts: ['setup'] };
  const text =
    'See [the log](docs/log.md) and `src/gone.ts`.\n`npm run setup`, `npm run gone`, [web](https://example.org), `dist/cli/main.js`';
  expect(deadNames('README.md', text, project)).toEqual([
    'README.md:1: there is no src/gone.ts',
    'README.md:2: there is no npm script "gone"',
  ]);
});

#!/usr/bin/env node
/**
 * Checks with a real PyTorch that it loads the .pth files we write, and that both sides see the same values. PyTorch is no dependency of
 * this project, so no test runs this: it is for a machine that has it.
 *
 *   npm run build && node scripts/check-pth.mjs [PYTHON]        PYTHON: an interpreter that has torch (default: python3)
 *
 * Ends with 0 where all is equal, 1 where something differs, 3 where there is no such Python.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { typedArrayOf } from '../dist/formats/named-array.js';
import { readWeightsFile, writePthFile } from '../dist/formats/weights-file.js';

const NO_TORCH = 3;
const SIZES = /** @type {const} */ ({ F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 });
const SHAPES = [[], [5], [2, 3], [0, 3], [4, 3, 3, 3]];

/** Loads our file in the way that runs no code, says what it sees as doubles, and writes it again in both formats. */
const PROGRAM = `
import json, sys, torch
state = torch.load(sys.argv[1], map_location='cpu', weights_only=True)
torch.save(state, sys.argv[2])
torch.save({'model': {'module.' + name: tensor for name, tensor in state.items()}, 'epoch': 3}, sys.argv[3], _use_new_zipfile_serialization=False)
print(json.dumps({name: [str(tensor.dtype), list(tensor.shape), tensor.double().flatten().tolist()] for name, tensor in state.items()}))
`;

const python = process.argv[2] ?? 'python3';
const found = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' });
if (found.status !== 0) {
  console.log(
    `not checked: ${python} has no torch (${found.error?.message ?? found.stderr.trim().split('\n').at(-1)}); name an interpreter that has it`,
  );
  process.exit(NO_TORCH);
}
console.log(`PyTorch ${found.stdout.trim()} of ${python}`);

const folder = mkdtempSync(join(tmpdir(), 'dssn-check-pth-'));
const [ours, zip, legacy] = ['ours.pth', 'zip.pth', 'legacy.pth'].map((name) => join(folder, name));
let wrong = 0;
try {
  const arrays = Object.entries(SIZES).flatMap(([dtype, size]) =>
    SHAPES.map((shape) => {
      const count = shape.reduce((product, side) => product * side, 1);
      // Bytes below 2 make good truth values, and small numbers of every type.
      const data = Uint8Array.from({ length: count * size }, (_, i) => (dtype === 'BOOL' ? i % 2 : (i * 37) % 113));
      return /** @type {const} */ ([
        `${dtype}.${shape.join('x') || 'scalar'}`,
        { dtype: /** @type {keyof typeof SIZES} */ (dtype), shape, data },
      ]);
    }),
  );
  writePthFile(/** @type {string} */ (ours), arrays);
  const ran = spawnSync(python, ['-c', PROGRAM, ours ?? '', zip ?? '', legacy ?? ''], { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (ran.status !== 0) throw new Error(`PyTorch does not load what we wrote:\n${ran.stderr}`);
  const seen = JSON.parse(ran.stdout);
  for (const [name, array] of arrays) {
    const [dtype, shape, values] = seen[name] ?? [];
    const own = Array.from(typedArrayOf(array), Number);
    if (JSON.stringify([shape, values]) === JSON.stringify([array.shape, own])) continue;
    wrong++;
    console.log(`${name}: PyTorch sees ${dtype} [${shape}] ${JSON.stringify(values)}, we wrote ${JSON.stringify(own)}`);
  }
  for (const file of [zip, legacy]) {
    const { tensors } = readWeightsFile(/** @type {string} */ (file));
    for (const [name, { shape, data }] of arrays) {
      const back = tensors.get(name);
      if (back && Buffer.from(back.data).equals(data) && String(back.shape) === String(shape)) continue;
      wrong++;
      console.log(`${file}: ${name} comes back otherwise from torch.save`);
    }
  }
  console.log(`${arrays.length} tensors written, loaded, saved twice and read again: ${wrong} differ`);
} finally {
  rmSync(folder, { recursive: true });
}
process.exitCode = wrong > 0 ? 1 : 0;

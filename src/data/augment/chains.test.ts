/**
 * Chains of operations against Pillow 12.3 (the first 16 digits of the SHA-256 of its pixels), run on the golden image:
 * they prove that composing tables, instead of carrying out one operation after the other, changes no pixel.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import type { Operation } from './operation.ts';
import { applyStrong } from './strong.ts';

const CHAINS: readonly (readonly [string, readonly Operation[]])[] = [
  [
    'beee9e5ca78c670e',
    [
      { name: 'saturation', factor: 0.511 },
      { name: 'posterize', bits: 7 },
      { name: 'posterize', bits: 8 },
      { name: 'posterize', bits: 8 },
    ],
  ],
  [
    '7ca4e625f0723577',
    [
      { name: 'autocontrast' },
      { name: 'posterize', bits: 2 },
      { name: 'equalize' },
      { name: 'contrast', factor: 1.0 },
      { name: 'solarize', threshold: 160 },
    ],
  ],
  [
    '415a07cf4f3bf8bf',
    [
      { name: 'sharpness', factor: 1.0 },
      { name: 'hue', shift: 0.138 },
      { name: 'saturation', factor: 1.0 },
      { name: 'grayscale' },
      { name: 'solarize', threshold: 158 },
    ],
  ],
  [
    '31fa18e0ac9a4d84',
    [{ name: 'saturation', factor: 0.5 }, { name: 'hue', shift: -0.002 }, { name: 'equalize' }, { name: 'sharpness', factor: 1.0 }],
  ],
  [
    '4441213cb98fbd75',
    [
      { name: 'hue', shift: -0.241 },
      { name: 'sharpness', factor: 0.5 },
      { name: 'autocontrast' },
      { name: 'posterize', bits: 4 },
      { name: 'grayscale' },
      { name: 'autocontrast' },
      { name: 'hue', shift: 0.387 },
    ],
  ],
  [
    '0989c96041e21abd',
    [
      { name: 'posterize', bits: 7 },
      { name: 'blur', sigma: 0.371 },
      { name: 'solarize', threshold: 233 },
      { name: 'solarize', threshold: 240 },
    ],
  ],
  [
    'e4636113057ddeb6',
    [
      { name: 'hue', shift: -0.098 },
      { name: 'contrast', factor: 1.0 },
      { name: 'sharpness', factor: 0.866 },
      { name: 'autocontrast' },
      { name: 'grayscale' },
      { name: 'solarize', threshold: 234 },
    ],
  ],
  [
    '8d1556ad1f7c26d7',
    [
      { name: 'saturation', factor: 1.0 },
      { name: 'hue', shift: 0.267 },
      { name: 'blur', sigma: 10.896 },
      { name: 'saturation', factor: 1.12 },
      { name: 'hue', shift: -0.241 },
      { name: 'grayscale' },
      { name: 'sharpness', factor: 0.16 },
    ],
  ],
  [
    '3dd1b47dd95350a8',
    [
      { name: 'blur', sigma: 0.47 },
      { name: 'blur', sigma: 1.0 },
      { name: 'equalize' },
      { name: 'posterize', bits: 4 },
      { name: 'brightness', factor: 0.0 },
      { name: 'solarize', threshold: 182 },
    ],
  ],
  [
    'e821b271bfb95f81',
    [
      { name: 'autocontrast' },
      { name: 'saturation', factor: 1.25 },
      { name: 'grayscale' },
      { name: 'hue', shift: -0.277 },
      { name: 'posterize', bits: 3 },
    ],
  ],
  [
    'ef4e07eaaa6abab1',
    [
      { name: 'equalize' },
      { name: 'sharpness', factor: 0.5 },
      { name: 'contrast', factor: 0.5 },
      { name: 'brightness', factor: 0.752 },
      { name: 'autocontrast' },
      { name: 'saturation', factor: 1.293 },
    ],
  ],
  [
    '3b0d8c2732c54884',
    [
      { name: 'saturation', factor: 1.0 },
      { name: 'blur', sigma: 1.0 },
      { name: 'brightness', factor: 0.353 },
      { name: 'solarize', threshold: 35 },
      { name: 'hue', shift: -0.101 },
      { name: 'brightness', factor: 0.5 },
      { name: 'autocontrast' },
    ],
  ],
];

describe('chains of operations', () => {
  const { width, height, data } = decode(readFileSync(fileURLToPath(new URL('../../../test/golden/augment/image.png', import.meta.url))));
  const image = { width, height, data: Uint8Array.from(data) };

  it.each(CHAINS)('%s equals Pillow', (digest, operations) => {
    const result = applyStrong(image, { operations });
    expect(createHash('sha256').update(result.data).digest('hex').slice(0, 16)).toBe(digest);
  });
});

/**
 * Every image operation against Pillow's pixels. The golden files were made with Pillow 9.4; every one is met exactly, so
 * the allowed difference is 0.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import type { LabelMap, Rgb } from '../types.ts';
import type { Operation } from './operation.ts';
import { resizeBilinear, resizeNearest } from './resize.ts';
import { applyStrong } from './strong.ts';

const folder = join(process.env.DSSN_GOLDEN ?? fileURLToPath(new URL('../../../test/golden', import.meta.url)), 'augment');

interface GoldenCase {
  readonly factor?: number;
  readonly sigma?: number;
  readonly bits?: number;
  readonly threshold?: number;
  readonly width?: number;
  readonly height?: number;
}

function readPng(name: string): Rgb {
  const { width, height, data } = decode(readFileSync(join(folder, `${name}.png`)));
  return { width, height, data: Uint8Array.from(data) };
}

/** The operation that a golden file's name and parameters stand for: `blur_0.444`, `hue+`, `posterize_4`. */
function operationOf(name: string, golden: GoldenCase): Operation {
  const kind = name.replace(/[_+-].*$/, '');
  const given = (value: number | undefined): number => {
    if (value === undefined) throw new Error(`${name}: a parameter is missing in ops.json`);
    return value;
  };
  switch (kind) {
    case 'brightness':
    case 'contrast':
    case 'saturation':
    case 'sharpness':
      return { name: kind, factor: given(golden.factor) };
    case 'hue':
      return { name: kind, shift: given(golden.factor) };
    case 'blur':
      return { name: kind, sigma: given(golden.sigma) };
    case 'posterize':
      return { name: kind, bits: given(golden.bits) };
    case 'solarize':
      return { name: kind, threshold: given(golden.threshold) };
    case 'grayscale':
    case 'autocontrast':
    case 'equalize':
      return { name: kind };
    default:
      throw new Error(`${name}: no operation of this name`);
  }
}

function compute(name: string, golden: GoldenCase, image: Rgb, mask: LabelMap): Rgb | LabelMap {
  const size = { width: golden.width ?? 0, height: golden.height ?? 0 };
  if (name.startsWith('resize_bilinear')) return resizeBilinear(image, size);
  if (name.startsWith('resize_nearest')) return resizeNearest(mask, size);
  return applyStrong(image, { operations: [operationOf(name, golden)] });
}

describe('golden image operations', () => {
  const cases: Record<string, GoldenCase> = JSON.parse(readFileSync(join(folder, 'ops.json'), 'utf8'));
  const image = readPng('image');
  const mask = readPng('mask');

  it('holds every kind of operation', () => {
    const kinds = new Set(Object.keys(cases).map((name) => name.replace(/[_+-][^_]*$/, '')));
    expect(kinds.size).toBeGreaterThanOrEqual(13);
  });

  it.each(Object.entries(cases))('%s equals Pillow', (name, golden) => {
    const expected = readPng(name);
    const result = compute(name, golden, image, mask);
    expect([result.width, result.height]).toEqual([expected.width, expected.height]);
    let different = 0;
    for (let i = 0; i < expected.data.length; i++) if (result.data[i] !== expected.data[i]) different++;
    expect(different).toBe(0);
    expect(result.data.length).toBe(expected.data.length);
  });
});

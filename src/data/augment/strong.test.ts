import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from '../../base/random.ts';
import { applyAutocontrast } from './autocontrast.ts';
import { applyBlur } from './blur.ts';
import { applyBrightness } from './brightness.ts';
import { applyContrast } from './contrast.ts';
import { applyEqualize } from './equalize.ts';
import { applyGrayscale } from './grayscale.ts';
import { applyHue } from './hue.ts';
import { drawJitter } from './jitter.ts';
import { ELEVEN, type Operation } from './operation.ts';
import { applyPosterize } from './posterize.ts';
import { applySaturation } from './saturation.ts';
import { applySharpness } from './sharpness.ts';
import { applySolarize } from './solarize.ts';
import { applyStrong, drawStrong } from './strong.ts';
import { noise, side } from './testing.ts';

const DRAWS = 6000;
const draws = (numAug: number) => Array.from({ length: DRAWS }, (_, i) => drawStrong(random('strong', numAug, i), { numAug }).operations);
const share = (lists: readonly (readonly Operation[])[], holds: (list: readonly Operation[]) => boolean) =>
  lists.filter(holds).length / lists.length;

/** Every parameter that `draw` gives under this name. */
function parameters(name: Operation['name'], draw: (i: number) => readonly Operation[]): number[] {
  const found: number[] = [];
  for (let i = 0; i < DRAWS; i++)
    for (const operation of draw(i))
      if (operation.name === name) found.push(...Object.values(operation).filter((value) => typeof value === 'number'));
  return found;
}

const fromEleven = (i: number) => ELEVEN.map((draw) => draw(random('eleven', i)));
const range = (values: readonly number[]) => [Math.min(...values), Math.max(...values)] as const;

describe('drawStrong', () => {
  it('without the eleven: jitter 0.8, grayscale 0.2, blur 0.5, in this order', () => {
    const lists = draws(0);
    expect(Math.abs(share(lists, (list) => list.some(({ name }) => name === 'hue')) - 0.8)).toBeLessThan(0.025);
    expect(Math.abs(share(lists, (list) => list.some(({ name }) => name === 'grayscale')) - 0.2)).toBeLessThan(0.025);
    expect(Math.abs(share(lists, (list) => list.some(({ name }) => name === 'blur')) - 0.5)).toBeLessThan(0.025);
    for (const list of lists) {
      const tail = list.map(({ name }) => name).filter((name) => name === 'grayscale' || name === 'blur');
      expect(list.slice(list.length - tail.length).map(({ name }) => name)).toEqual(tail);
      expect([0, 4]).toContain(list.length - tail.length);
      expect(tail.join()).toMatch(/^(grayscale)?,?(blur)?$/);
    }
  });

  it('with them: 1 to numAug more, each number as often', () => {
    const lists = draws(3);
    const plain = Array.from({ length: DRAWS }, (_, i) => drawStrong(random('strong', 3, i), { numAug: 0 }).operations);
    const counts = [0, 0, 0, 0];
    lists.forEach((list, i) => {
      expect(list.slice(0, plain[i]!.length)).toEqual(plain[i]);
      counts[list.length - plain[i]!.length]!++;
    });
    expect(counts[0]).toBe(0);
    for (const count of counts.slice(1)) expect(Math.abs(count / DRAWS - 1 / 3)).toBeLessThan(0.025);
    const one = draws(1).map((list, i) => list.length - drawStrong(random('strong', 1, i), { numAug: 0 }).operations.length);
    expect(new Set(one)).toEqual(new Set([1]));
  });

  it('draws each of the eleven as often', () => {
    const seen = new Map<string, number>();
    for (let i = 0; i < DRAWS; i++) {
      const plain = drawStrong(random('which', i), { numAug: 0 }).operations.length;
      for (const { name } of drawStrong(random('which', i), { numAug: 3 }).operations.slice(plain))
        seen.set(name, (seen.get(name) ?? 0) + 1);
    }
    expect(seen.size).toBe(11);
    for (const count of seen.values()) expect(Math.abs(count / (2 * DRAWS) - 1 / 11)).toBeLessThan(0.012);
  });

  it('jitters with torchvision’s ranges, in every order', () => {
    const jitter = (i: number) => drawJitter(random('jitter', i));
    for (const name of ['brightness', 'contrast', 'saturation'] as const) {
      const [low, high] = range(parameters(name, jitter));
      expect(low).toBeGreaterThanOrEqual(0.5);
      expect(low).toBeLessThan(0.51);
      expect(high).toBeLessThan(1.5);
      expect(high).toBeGreaterThan(1.49);
    }
    const [low, high] = range(parameters('hue', jitter));
    expect([low >= -0.25, low < -0.245, high < 0.25, high > 0.245]).toEqual([true, true, true, true]);
    expect(
      new Set(
        Array.from({ length: 1000 }, (_, i) =>
          jitter(i)
            .map(({ name }) => name)
            .join(),
        ),
      ).size,
    ).toBe(24);
  });

  it('draws the parameters of the eleven from the published ranges', () => {
    for (const name of ['brightness', 'contrast', 'saturation', 'sharpness'] as const) {
      const [low, high] = range(parameters(name, fromEleven));
      expect([low >= 0.05, low < 0.06, high < 0.95, high > 0.94]).toEqual([true, true, true, true]);
    }
    const [least, most] = range(parameters('blur', fromEleven));
    expect([least >= 0.1, least < 0.12, most < 2, most > 1.98]).toEqual([true, true, true, true]);
    const hues = parameters('hue', fromEleven);
    expect(Math.max(...hues.map(Math.abs))).toBeLessThan(0.5);
    expect(Math.abs(hues.filter((shift) => shift < 0).length / DRAWS - 0.5)).toBeLessThan(0.025);
    const bits = parameters('posterize', fromEleven);
    for (const kept of [4, 5, 6, 7]) expect(Math.abs(bits.filter((b) => b === kept).length / DRAWS - 0.25)).toBeLessThan(0.025);
    const thresholds = parameters('solarize', fromEleven);
    expect(range(thresholds)).toEqual([1, 255]);
    expect(new Set(thresholds).size).toBe(255);
  });
});

describe('applyStrong', () => {
  const image = noise(40, 30);
  const alone: readonly [Operation, () => { data: Uint8Array }][] = [
    [{ name: 'autocontrast' }, () => applyAutocontrast(image)],
    [{ name: 'equalize' }, () => applyEqualize(image)],
    [{ name: 'grayscale' }, () => applyGrayscale(image)],
    [{ name: 'brightness', factor: 0.4 }, () => applyBrightness(image, { factor: 0.4 })],
    [{ name: 'contrast', factor: 1.4 }, () => applyContrast(image, { factor: 1.4 })],
    [{ name: 'saturation', factor: 0.3 }, () => applySaturation(image, { factor: 0.3 })],
    [{ name: 'sharpness', factor: 0.3 }, () => applySharpness(image, { factor: 0.3 })],
    [{ name: 'blur', sigma: 1.2 }, () => applyBlur(image, { sigma: 1.2 })],
    [{ name: 'hue', shift: -0.2 }, () => applyHue(image, { shift: -0.2 })],
    [{ name: 'posterize', bits: 4 }, () => applyPosterize(image, { bits: 4 })],
    [{ name: 'solarize', threshold: 90 }, () => applySolarize(image, { threshold: 90 })],
  ];

  it.each(alone)('does $name as the operation alone does, and changes pixels by it', (operation, apply) => {
    const result = applyStrong(image, { operations: [operation] });
    expect([...result.data]).toEqual([...apply().data]);
    if (operation.name !== 'autocontrast') expect([...result.data]).not.toEqual([...image.data]);
  });

  it('equals its operations one after the other, reads the crop only, fills the memory given', () => {
    fc.assert(
      fc.property(side, side, fc.nat(), (width, height, seed) => {
        const crop = noise(width, height, seed);
        const kept = [...crop.data];
        const drawn = drawStrong(random(seed), { numAug: 3 });
        const memory = new Uint8Array(crop.data.length).fill(77);
        const view = applyStrong(crop, drawn, memory);
        expect(view.data).toBe(memory);
        const steps = drawn.operations.reduce((before, operation) => applyStrong(before, { operations: [operation] }), crop);
        expect([...view.data]).toEqual([...steps.data]);
        expect([...applyStrong(crop, drawn).data]).toEqual([...view.data]);
        expect([...crop.data]).toEqual(kept);
      }),
      { numRuns: 150 },
    );
  });

  it('without operations copies the crop', () => {
    const copy = applyStrong(image, { operations: [] });
    expect(copy).toEqual(image);
    expect(copy.data).not.toBe(image.data);
  });

  it('leaves grey images grey under hue and saturation, and gives black for a brightness of 0', () => {
    const grey = applyGrayscale(image);
    expect(applyHue(grey, { shift: 0.4 })).toEqual(grey);
    expect(applySaturation(grey, { factor: 1.5 })).toEqual(grey);
    expect(new Set(applyBrightness(image, { factor: 0 }).data)).toEqual(new Set([0]));
  });
});

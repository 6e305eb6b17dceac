import { describe, expect, it } from 'vitest';
import { random } from '../../base/random.ts';
import { drawCutMixBox } from './cutmix.ts';

describe('drawCutMixBox', () => {
  it('draws no box half of the time, else one inside the crop with area and shape in range', () => {
    const n = 6000;
    const crop = 321;
    let none = 0;
    const areas: number[] = [];
    const ratios: number[] = [];
    for (let i = 0; i < n; i++) {
      const { top, left, height, width } = drawCutMixBox(random('cutmix', i), crop);
      if (height === 0) {
        none++;
        expect([top, left, width]).toEqual([0, 0, 0]);
        continue;
      }
      for (const value of [top, left, height, width]) expect(Number.isInteger(value)).toBe(true);
      expect(Math.min(top, left)).toBeGreaterThanOrEqual(0);
      expect(Math.max(top + height, left + width)).toBeLessThanOrEqual(crop);
      areas.push((height * width) / crop ** 2);
      ratios.push(height / width);
    }
    expect(Math.abs(none / n - 0.5)).toBeLessThan(0.025);
    // The area is drawn once, before the box is fitted in: uniform, less what flooring both sides takes off.
    expect(Math.max(...areas)).toBeLessThanOrEqual(0.4);
    expect(Math.max(...areas)).toBeGreaterThan(0.39);
    expect(Math.min(...areas)).toBeGreaterThan(0.018);
    expect(Math.abs(areas.reduce((a, b) => a + b) / areas.length - 0.21)).toBeLessThan(0.008);
    expect(Math.min(...ratios)).toBeGreaterThan(0.28);
    expect(Math.max(...ratios)).toBeLessThan(3.5);
  });

  it('is a function of the stream alone, and ends for the smallest crop', () => {
    expect(drawCutMixBox(random(8), 65)).toEqual(drawCutMixBox(random(8), 65));
    for (let i = 0; i < 200; i++) expect(drawCutMixBox(random(i), 1).height).toBeLessThanOrEqual(1);
  });
});

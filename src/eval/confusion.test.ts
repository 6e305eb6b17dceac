import { describe, expect, it } from 'vitest';
import { DataError } from '../base/errors.ts';
import { ConfusionMatrix } from './confusion.ts';

const of = (...values: number[]) => Uint8Array.from(values);

describe('ConfusionMatrix', () => {
  it('computes IoU by hand on 3 x 3 maps', () => {
    const matrix = new ConfusionMatrix(3);
    //                 truth 0 0 0 1 1 1 2 2 ignored
    matrix.add(of(0, 0, 1, 1, 1, 0, 2, 1, 0), of(0, 0, 0, 1, 1, 1, 2, 2, 255));
    expect([...matrix.counts]).toEqual([2, 1, 0, 1, 2, 0, 0, 1, 1]);
    const iou = matrix.iou();
    expect(iou[0]).toBeCloseTo((100 * 2) / 4, 7);
    expect(iou[1]).toBeCloseTo((100 * 2) / 5, 7);
    expect(iou[2]).toBeCloseTo((100 * 1) / 2, 7);
    expect(matrix.miou()).toBeCloseTo((50 + 40 + 50) / 3, 7);
  });

  it('counts a class that never occurs as 0, as published', () => {
    const matrix = new ConfusionMatrix(2);
    matrix.add(of(0, 0), of(0, 0));
    expect(matrix.iou()[1]).toBe(0);
    expect(matrix.miou()).toBeCloseTo(50, 7);
  });

  it('leaves classes that occur nowhere out of the mean over classes present', () => {
    const matrix = new ConfusionMatrix(5);
    expect([matrix.miou(), matrix.miouPresent()]).toEqual([0, 0]);
    // class 1 is only true, class 2 only predicted, 3 only where it is ignored, 4 nowhere
    matrix.add(of(0, 0, 0, 2, 3), of(0, 0, 1, 1, 255));
    const iou = matrix.iou();
    expect(iou[0]).toBeCloseTo((100 * 2) / 3, 7);
    expect(iou.slice(1)).toEqual([0, 0, 0, 0]);
    expect(matrix.miou()).toBeCloseTo(200 / 3 / 5, 7);
    expect(matrix.miouPresent()).toBeCloseTo(200 / 3 / 3, 7);
  });

  it('refuses maps of other sizes and labels that are no class', () => {
    const matrix = new ConfusionMatrix(2);
    expect(() => matrix.add(of(0), of(0, 1))).toThrow(DataError);
    expect(() => matrix.add(of(0), of(7))).toThrow(/label 7, predicted 0: allowed are 0 to 1/);
  });
});

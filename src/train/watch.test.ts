import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../runs/events.ts';
import { PseudoLabelWatch } from './watch.ts';

const classes = ['road', 'car', 'pole'];
type Shares = Readonly<Record<string, number>>;

const train = (pseudo_by_class: Shares, kept_by_class: Shares): RunEvent => ({
  type: 'train',
  iteration: 1,
  epoch: 0,
  losses: {},
  lr: 0.1,
  pseudo_by_class,
  kept_by_class,
  iterations_per_s: 1,
  images_per_s: 1,
});
const evaluation: RunEvent = { type: 'eval', iteration: 1, student: { miou: 1, iou: {} } };
/** What a watch says to the events, in order. */
const said = (events: readonly RunEvent[], watch = new PseudoLabelWatch(classes)): string[] =>
  events.flatMap((event) => watch.see(event) ?? []);
const times = (n: number, event: RunEvent): RunEvent[] => Array.from({ length: n }, () => event);

const one = train({ road: 1 }, { road: 0.9 });
const two = train({ road: 0.9, car: 0.1 }, { road: 0.9, car: 0.5 });
const all = train({ road: 0.8, car: 0.1, pole: 0.1 }, { road: 0.9, car: 0.5, pole: 0.01 });

describe('the watch on pseudo-labels', () => {
  it('says once that they are all of one class, and again after they had recovered', () => {
    expect(said(times(19, one))).toEqual([]);
    expect(said([...times(60, one)])).toEqual([
      expect.stringMatching(/^pseudo-labels have collapsed: 100\.0 % of the pixels of the last 20 batches looked at are labelled road;/),
    ]);
    expect(said([...times(30, one), ...times(20, two), ...times(30, one)])).toHaveLength(2);
    expect(said(times(60, two))).toEqual([]);
  });

  it('says at an evaluation which classes were never kept since the last one, and not the same again', () => {
    expect(said([...times(20, all), evaluation])).toEqual([]);
    expect(said([...times(19, two), evaluation])).toEqual([]);
    // Short epochs add up.
    expect(said([...times(12, two), evaluation, ...times(12, two), evaluation])).toEqual([
      'no pseudo-label of pole was kept in the last 24 batches looked at: unlabelled images teach nothing about it yet',
    ]);
    expect(said([...times(20, two), evaluation, ...times(20, two), evaluation])).toEqual([
      'no pseudo-label of pole was kept in the last 20 batches looked at: unlabelled images teach nothing about it yet',
    ]);
    const labelledButNotKept = train({ road: 0.8, car: 0.1, pole: 0.1 }, { road: 0.9, car: 0, pole: 0 });
    expect(said([...times(20, labelledButNotKept), evaluation])).toEqual([
      expect.stringContaining('no pseudo-label of car, pole was kept'),
    ]);
    expect(said([...times(20, two), evaluation, ...times(20, all), evaluation, ...times(20, two), evaluation])).toHaveLength(2);
  });

  it('says nothing where no pseudo-labels are used', () => {
    const supervised: RunEvent = { type: 'train', iteration: 1, epoch: 0, losses: {}, lr: 0.1, iterations_per_s: 1, images_per_s: 1 };
    expect(said([...times(50, supervised), evaluation])).toEqual([]);
  });

  it('goes on from what was logged as if it had never stopped', () => {
    const story = [
      ...times(15, two),
      evaluation,
      ...times(25, two),
      evaluation,
      ...times(40, one),
      evaluation,
      ...times(30, all),
      evaluation,
    ];
    const whole = said(story);
    expect(whole).toHaveLength(3);
    for (let k = 0; k <= story.length; k++) {
      const watch = new PseudoLabelWatch(classes);
      const before = said(story.slice(0, k), watch);
      const again = new PseudoLabelWatch(classes);
      for (const event of story.slice(0, k)) again.see(event);
      expect([...before, ...said(story.slice(k), again)]).toEqual(whole);
    }
  });
});

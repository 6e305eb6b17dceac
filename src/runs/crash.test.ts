import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WeightsMark } from './weights.ts';

/** How many changes of the disk happen before the process "dies": from then on every change throws. Forcing to the disk counts, but is left out. */
const fate = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, changes: 0 }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const mortal =
    <A extends unknown[], R>(change: (...values: A) => R) =>
    (...values: A): R => {
      if (fate.left <= 0) throw new Error('killed');
      fate.left--;
      fate.changes++;
      return change(...values);
    };
  const changing = {
    mkdirSync: mortal(fs.mkdirSync),
    renameSync: mortal(fs.renameSync),
    rmSync: mortal(fs.rmSync),
    writeFileSync: mortal((file: string, content: string) => fs.writeFileSync(file, content)),
    writeSync: mortal(fs.writeSync as (...values: unknown[]) => number),
    fsyncSync: mortal(() => undefined),
  };
  return { ...fs, ...changing, default: { ...fs, ...changing } };
});

const { earlierWeights, findWeights, recoverWeights, replaceWeights, soundCheckpoint } = await import('./weights.ts');

let run: string;
beforeEach(() => {
  fate.left = Number.POSITIVE_INFINITY;
  run = mkdtempSync(path.join(os.tmpdir(), 'dssn-run-'));
});
afterEach(() => {
  fate.left = Number.POSITIVE_INFINITY;
  rmSync(run, { recursive: true });
});

/** Writes a checkpoint of two files whose content is the iteration; of the last ones so many are kept. */
function write(iteration: number, keep = 1): WeightsMark {
  return replaceWeights(run, 'latest', { iteration, keep }, (folder) => {
    writeFileSync(path.join(folder, 'student.safetensors'), `student ${iteration}`);
    writeFileSync(path.join(folder, 'teacher.safetensors'), `teacher ${iteration}`);
  });
}

/** The iteration of the whole checkpoint that a reader finds; fails if its files do not belong together. */
function found(): number {
  const weights = findWeights(run, 'latest')!;
  const content = (name: string) => readFileSync(path.join(weights.folder, name), 'utf8');
  expect([content('student.safetensors'), content('teacher.safetensors')]).toEqual(
    ['student', 'teacher'].map((who) => `${who} ${weights.mark.iteration}`),
  );
  return weights.mark.iteration;
}

/** Runs `write(iteration)` and dies at change number `after`. */
function dieWriting(iteration: number, after: number): void {
  fate.left = after;
  expect(() => write(iteration)).toThrow('killed');
  fate.left = Number.POSITIVE_INFINITY;
}

/** Flips a bit in the middle of a file. */
function flip(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 4;
  writeFileSync(file, bytes);
}

/** Cuts off a file's last byte. */
function cut(file: string): void {
  writeFileSync(file, readFileSync(file).subarray(0, -1));
}

describe('a folder of weights', () => {
  it('is whole, old or new, whichever change of the disk was the last', () => {
    write(1);
    fate.changes = 0;
    write(2);
    const changes = fate.changes;
    expect(changes).toBeGreaterThan(8);
    const seen: number[] = [];
    for (let after = 0; after < changes; after++) {
      rmSync(path.join(run, 'latest'), { recursive: true });
      write(2);
      dieWriting(3, after);
      seen.push(found());
      recoverWeights(run, 'latest');
      expect(found()).toBe(seen.at(-1));
      // The one that was replaced may have been set aside already.
      expect(readdirSync(run).filter((name) => name !== 'earlier')).toEqual(['latest']);
      rmSync(path.join(run, 'earlier'), { recursive: true, force: true });
    }
    expect([...seen].sort()).toEqual(seen);
    expect(new Set(seen)).toEqual(new Set([2, 3]));
  });

  it('survives dying at any change, and dying again at any change of the next writing', () => {
    write(1);
    fate.changes = 0;
    write(2);
    const changes = fate.changes;
    for (let first = 0; first < changes; first++)
      for (let second = 0; second < changes; second++) {
        write(5);
        dieWriting(6, first);
        const before = found();
        dieWriting(7, second);
        expect([before, 7]).toContain(found());
        expect(write(8).iteration).toBe(8);
        expect(found()).toBe(8);
        rmSync(path.join(run, 'latest'), { recursive: true });
      }
  });

  it('does not count while it is being filled, nor with a file cut short', () => {
    expect(findWeights(run, 'latest')).toBeUndefined();
    replaceWeights(run, 'latest', { iteration: 1 }, (folder) => {
      writeFileSync(path.join(folder, 'student.safetensors'), 'abc');
      expect(findWeights(run, 'latest')).toBeUndefined();
    });
    expect(findWeights(run, 'latest')?.mark).toEqual({
      format: 1,
      kind: 'latest',
      iteration: 1,
      values: {},
      files: { 'student.safetensors': 3 },
      sha256: { 'student.safetensors': 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' },
    });
    writeFileSync(path.join(run, 'latest', 'student.safetensors'), 'ab');
    expect(findWeights(run, 'latest')).toBeUndefined();
  });

  it('keeps the last ones before it, whichever change of the disk was the last', () => {
    const earlier = (): number[] => earlierWeights(run).map(({ mark }) => mark.iteration);
    for (const iteration of [1, 2, 3, 4]) write(iteration, 3);
    expect([found(), ...earlier()]).toEqual([4, 3, 2]);
    fate.changes = 0;
    write(5, 3);
    const { changes } = fate;
    for (let after = 0; after < changes; after++) {
      for (const name of readdirSync(run)) rmSync(path.join(run, name), { recursive: true });
      for (const iteration of [1, 2, 3, 4]) write(iteration, 3);
      dieWriting(5, after);
      const kept = new Set([found(), ...earlier()]);
      expect(kept.has(3) && (kept.has(2) || kept.has(5)), `after change ${after}: ${[...kept]}`).toBe(true);
      write(6, 3);
      expect(found()).toBe(6);
      expect(earlier()[0]).toBeGreaterThanOrEqual(4);
    }
  });

  it('gives way to the one before it when a bit of it is flipped or its end is cut off, and is set aside', () => {
    for (const spoil of [flip, cut]) {
      for (const iteration of [1, 2, 3]) write(iteration, 3);
      spoil(path.join(run, 'latest', 'teacher.safetensors'));
      spoil(path.join(run, 'earlier', '00000002', 'student.safetensors'));
      const { passedOver } = soundCheckpoint(run);
      expect(found()).toBe(1);
      expect(passedOver.map(({ folder }) => path.basename(folder)).sort()).toEqual(spoil === flip ? ['00000002', 'latest'] : ['latest']);
      expect(passedOver.find(({ folder }) => folder.endsWith('latest'))!.reason).toMatch(/damaged|not of the size/);
      expect(existsSync(path.join(run, 'latest.damaged'))).toBe(true);
      // What goes on from there writes as ever.
      write(2, 3);
      expect([found(), ...earlierWeights(run).map(({ mark }) => mark.iteration)]).toEqual([2, 1]);
      for (const name of readdirSync(run)) rmSync(path.join(run, name), { recursive: true });
    }
  });

  it('is not begun anew over when none is sound', () => {
    expect(soundCheckpoint(run).passedOver).toEqual([]);
    write(1, 2);
    flip(path.join(run, 'latest', 'student.safetensors'));
    expect(() => soundCheckpoint(run)).toThrow(/no checkpoint to go on from is whole.*\n {2}.*latest\/student\.safetensors: is damaged/);
    expect(readdirSync(run)).toEqual(['latest']);
  });

  it('stays as it is when filling the next one fails, and gives the room back', () => {
    write(1);
    expect(() =>
      replaceWeights(run, 'latest', { iteration: 2 }, () => {
        throw new Error('disk full');
      }),
    ).toThrow('disk full');
    expect(found()).toBe(1);
    expect(readdirSync(run)).toEqual(['latest']);
  });
});

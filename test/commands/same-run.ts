/** Tells whether two runs are one and the same: bits of the weights, and events but for their times. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { RunFolder } from '../../src/runs/folder.ts';

/** The bytes of a run's last and best weights. */
const bytesOf = (run: string): Record<string, Buffer> =>
  Object.fromEntries(
    ['latest/student', 'latest/teacher', 'latest/optimiser', 'best/student', 'teacher-best/teacher'].map((name) => [
      name,
      readFileSync(join(run, `${name}.safetensors`)),
    ]),
  );

const timeFields = ['time', 'seconds', 'iterations_per_s', 'images_per_s'];

/** What happened, without times, and without the checkpoints in latest/: an interruption makes one more. */
function storyOf(run: string): object[] {
  const events = RunFolder.open(run)
    .events()
    .filter((event) => event.type !== 'checkpoint' || event.kind !== 'latest');
  return events.map((event) => Object.fromEntries(Object.entries(event).filter(([name]) => !timeFields.includes(name))));
}

/** Fails when two runs differ in a bit of their weights or in an event. */
export function expectSameRun(run: string, other: string): void {
  const weights = bytesOf(other);
  for (const [who, bytes] of Object.entries(bytesOf(run))) expect(bytes.equals(weights[who]!), `${who} of ${run}`).toBe(true);
  expect(storyOf(run)).toEqual(storyOf(other));
}

/** What a run keeps: the networks and the optimiser in the run folder, and back. */
import { join } from 'node:path';
import { type RunWriter, weightsFiles } from '../runs/folder.ts';
import type { Stepper } from './step.ts';
import { type DataDescription, loadNetwork, saveNetwork, saveTensors, withTensors } from './weights.ts';

/** The mIoU of the last evaluation and of the best one so far; NaN before the first. */
export interface Record {
  last: number;
  best: number;
}
export interface Records {
  readonly student: Record;
  readonly teacher: Record;
}

export const noRecords = (): Records => ({
  student: { last: Number.NaN, best: Number.NaN },
  teacher: { last: Number.NaN, best: Number.NaN },
});

/** NaN is no JSON: what was not evaluated yet is left out. */
function valuesOf({ student, teacher }: Records): { [name: string]: number } {
  const entries = { student_last: student.last, student_best: student.best, teacher_last: teacher.last, teacher_best: teacher.best };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => !Number.isNaN(value)));
}

/** Replaces `latest/`: all that resuming needs. */
export function saveLatest(run: RunWriter, iteration: number, stepper: Stepper, data: DataDescription, records: Records): void {
  run.writeWeights('latest', { iteration, values: valuesOf(records) }, (folder) => {
    saveNetwork(join(folder, weightsFiles.student), stepper.student, data);
    saveNetwork(join(folder, weightsFiles.teacher), stepper.teacher, data);
    saveTensors(join(folder, weightsFiles.optimiser), stepper.optimiserState(), { format: '1' });
  });
}

/** Replaces `best/` or `teacher-best/`. */
export function saveBest(
  run: RunWriter,
  who: 'student' | 'teacher',
  iteration: number,
  stepper: Stepper,
  data: DataDescription,
  miou: number,
): void {
  run.writeWeights(who === 'student' ? 'best' : 'teacher-best', { iteration, values: { miou } }, (folder) =>
    saveNetwork(join(folder, weightsFiles[who]), stepper[who], data),
  );
}

/** Takes up a run's checkpoint: the networks, the optimiser, and the records. @returns SGD steps done. */
export function loadLatest(checkpoint: NonNullable<RunWriter['checkpoint']>, stepper: Stepper, records: Records): number {
  const { folder, mark } = checkpoint;
  loadNetwork(join(folder, weightsFiles.student), stepper.student);
  loadNetwork(join(folder, weightsFiles.teacher), stepper.teacher);
  withTensors(join(folder, weightsFiles.optimiser), (velocities) => stepper.loadOptimiser(velocities));
  for (const who of ['student', 'teacher'] as const) {
    records[who].last = mark.values[`${who}_last`] ?? Number.NaN;
    records[who].best = mark.values[`${who}_best`] ?? Number.NaN;
  }
  return mark.iteration;
}

/** What a run keeps: the networks and the optimiser in the run folder, and back. */
import { join } from 'node:path';
import { CheckpointError } from '../base/errors.ts';
import type { WeightsKind } from '../runs/events.ts';
import { type RunWriter, weightsFiles } from '../runs/folder.ts';
import type { Stepper } from './step.ts';
import { type DataDescription, loadNetwork, saveNetwork, saveTensors, withTensors } from './weights.ts';

/** The mIoU of the last evaluation and of the best one so far; NaN before the first. */
export interface Record {
  last: number;
  best: number;
  /** What the best was chosen by: its mIoU on the held-out images, where there are any. */
  by: number;
}
/** How far a run has come. */
export interface Progress {
  /** SGD steps done. */
  done: number;
  /** SGD steps done at the last evaluation; 0 before the first. */
  evaluated: number;
  /** SGD steps left out in a row, the last one among them. */
  skipped: number;
  readonly student: Record;
  readonly teacher: Record;
}

export const noRecord = (): Record => ({ last: Number.NaN, best: Number.NaN, by: Number.NaN });

export const noProgress = (): Progress => ({
  done: 0,
  evaluated: 0,
  skipped: 0,
  student: noRecord(),
  teacher: noRecord(),
});

/** NaN is no JSON: what was not evaluated yet is left out. */
function valuesOf({ evaluated, skipped, student, teacher }: Progress): { [name: string]: number } {
  const scores = {
    ...{ student_last: student.last, student_best: student.best, teacher_last: teacher.last, teacher_best: teacher.best },
    ...((student.by !== student.best || teacher.by !== teacher.best) && { student_by: student.by, teacher_by: teacher.by }),
  };
  return {
    evaluated,
    ...(skipped > 0 && { skipped }),
    ...Object.fromEntries(Object.entries(scores).filter(([, value]) => !Number.isNaN(value))),
  };
}

/** Replaces `latest/`: all that resuming needs. */
export function saveLatest(run: RunWriter, stepper: Stepper, data: DataDescription, progress: Progress): void {
  run.writeWeights('latest', { iteration: progress.done, values: valuesOf(progress) }, (folder) => {
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
  values: { readonly miou: number; readonly holdout?: number },
): void {
  run.writeWeights(who === 'student' ? 'best' : 'teacher-best', { iteration, values }, (folder) =>
    saveNetwork(join(folder, weightsFiles[who]), stepper[who], data),
  );
}

/** Keeps the student as it is now. */
export function saveStudent(
  run: RunWriter,
  kind: WeightsKind,
  info: { readonly iteration: number },
  stepper: Stepper,
  data: DataDescription,
): void {
  run.writeWeights(kind, info, (folder) => saveNetwork(join(folder, weightsFiles.student), stepper.student, data));
}

function loadOptimiser(file: string, stepper: Stepper): void {
  withTensors(file, (velocities) => {
    try {
      stepper.loadOptimiser(velocities);
    } catch (error) {
      throw error instanceof CheckpointError ? new CheckpointError(`${file}: ${error.message}`, { cause: error }) : error;
    }
  });
}

/** Takes up a run's checkpoint: the networks and the optimiser. */
export function loadLatest({ folder }: NonNullable<RunWriter['checkpoint']>, stepper: Stepper): void {
  loadNetwork(join(folder, weightsFiles.student), stepper.student);
  loadNetwork(join(folder, weightsFiles.teacher), stepper.teacher);
  loadOptimiser(join(folder, weightsFiles.optimiser), stepper);
}

/** How far a checkpoint's run had come. */
export function progressOf({ mark }: NonNullable<RunWriter['checkpoint']>): Progress {
  const record = (who: 'student' | 'teacher'): Record => {
    const best = mark.values[`${who}_best`] ?? Number.NaN;
    return { last: mark.values[`${who}_last`] ?? Number.NaN, best, by: mark.values[`${who}_by`] ?? best };
  };
  const { evaluated = 0, skipped = 0 } = mark.values;
  return { done: mark.iteration, evaluated, skipped, student: record('student'), teacher: record('teacher') };
}

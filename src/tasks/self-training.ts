/**
 * Self-training in rounds (ST and ST++, SPEC section 8b): learn, label images with the round's best student, learn anew from both.
 * Everything between two rounds is kept in the run folder (`labeller/`, `pseudo-labels/`), so that a run that was stopped anywhere goes on.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { invariant } from '../base/assert.ts';
import { CheckpointError, ConfigError } from '../base/errors.ts';
import { random } from '../base/random.ts';
import type { Sample } from '../data/types.ts';
import type { Round } from '../methods/index.ts';
import type { RunEvent } from '../runs/events.ts';
import { weightsFiles } from '../runs/folder.ts';
import { findWeights, verifyWeights } from '../runs/weights.ts';
import { noRecord, saveStudent } from '../train/checkpoint.ts';
import { learnPhase, lengthOf, type Phase, type Plan, type Session } from './phase.ts';
import { PseudoLabels } from './pseudo-labels.ts';
import { describeData } from './shared.ts';

/** Labelled lists below this length stand twice in an epoch of the first round. */
const fewLabelled = 200;
/** Parts of the first round after which ST++ keeps the student's weights, beside its end. */
const thirds = [
  ['early-1', 1],
  ['early-2', 2],
] as const;

const repeated = (samples: readonly Sample[], times: number): Sample[] => Array.from({ length: times }, () => samples).flat();

/** How many of the unlabelled images a round takes, the most reliable first. */
const countOf = (round: Round, unlabelled: number): number => (round === 'all' ? unlabelled : Math.floor(unlabelled / 2));

/** The rounds as phases: how long each is, and its seed. What the later ones load is known when they begin. */
export function roundsOf(plan: Pick<Plan, 'config' | 'split' | 'loading'>, rounds: readonly Round[]): Phase[] {
  const { config, split } = plan;
  const { labelled, unlabelled } = split;
  if (rounds.includes('reliable') && unlabelled.length < 2)
    throw new ConfigError(
      `method ${config.method}: takes the more reliable half of the unlabelled images first; ${unlabelled.length} is listed, allowed: at least 2`,
    );
  const lists = [
    repeated(labelled, labelled.length < fewLabelled ? 2 : 1),
    ...rounds.map((round) => withPseudo(labelled, unlabelled.slice(0, countOf(round, unlabelled.length)))),
  ];
  let first = 0;
  return lists.map((list, index) => {
    const samples = { labelled: list, unlabelled: [], batchSize: 2 * config.train.batch_size };
    const length = lengthOf(plan, samples);
    const seed = index === 0 ? config.seed : random(config.seed, 'round', index + 1).integer(0, 2 ** 31 - 1);
    const phase = { round: index + 1, first, ...length, seed, samples };
    first += length.iterations;
    return phase;
  });
}

/** Labelled images, repeated until there are as many of them, and the pseudo-labelled ones. */
const withPseudo = (labelled: readonly Sample[], pseudo: readonly Sample[]): Sample[] => [
  ...repeated(labelled, Math.ceil(pseudo.length / labelled.length)),
  ...pseudo,
];

/** Runs all rounds that are not done yet. @returns false when it was interrupted. */
export async function selfTrain(session: Session, phases: readonly Phase[]): Promise<boolean> {
  const { method, split, progress, run } = session;
  const rounds = method.rounds!;
  const labels = new PseudoLabels(session, phases[0]!.iterations);
  if (progress.done === 0) labels.clear();
  for (const [index, phase] of phases.entries()) {
    const end = phase.first + phase.iterations;
    // A round may have been stopped in its last evaluation, after its last step.
    if (progress.done < end || (progress.done === end && progress.evaluated < end)) {
      let { samples } = phase;
      if (index > 0) {
        const round = rounds[index - 1]!;
        const order = rounds.includes('reliable') ? await labels.byReliability() : split.unlabelled;
        const chosen = order && (await labels.of(order.slice(0, countOf(round, order.length))));
        if (!chosen) return false;
        samples = { ...samples, labelled: withPseudo(split.labelled, chosen) };
      }
      if (progress.done === phase.first) forgetScores(session);
      const keepsEarly = index === 0 && rounds.includes('reliable');
      if (!(await learnPhase(session, { ...phase, samples, ...(keepsEarly && { afterStep: keepEarly(session, phase) }) }))) return false;
    }
    if (index < phases.length - 1) keepLabeller(session, phase);
  }
  invariant(progress.done === phases.at(-1)!.first + phases.at(-1)!.iterations, `${run.path}: rounds end where the run does`);
  return true;
}

/** Each round is a network of its own: its best is not that of the round before. */
function forgetScores({ progress }: Session): void {
  for (const who of ['student', 'teacher'] as const) Object.assign(progress[who], noRecord());
}

/** Keeps the student after floor(E/3) and floor(2E/3) epochs, or of iterations likewise. */
function keepEarly({ config, run, dataset }: Session, { iterations, batchesPerEpoch }: Phase): NonNullable<Phase['afterStep']> {
  const { epochs, iterations: asked, accumulate } = config.train;
  const afterThird = (third: number): number =>
    asked === null ? Math.floor((Math.floor((third * epochs!) / 3) * batchesPerEpoch) / accumulate) : Math.floor((third * iterations) / 3);
  return (done, stepper) => {
    for (const [kind, third] of thirds) {
      const at = Math.max(1, afterThird(third));
      if (done === at) saveStudent(run, kind, { iteration: done }, stepper, describeData(config, dataset));
    }
  };
}

/** Puts the best student of a finished round aside, once: the next round's best will take its place. */
function keepLabeller({ run, progress }: Session, phase: Phase): void {
  const round = phase.round!;
  const kept = findWeights(run.path, 'labeller')?.mark;
  if (kept && (kept.values.round ?? 0) >= round) {
    const isKept = (event: RunEvent): boolean =>
      event.type === 'checkpoint' && event.kind === 'labeller' && event.iteration === kept.iteration;
    // A kill may have come between the folder and its event.
    if (!run.events().some(isKept)) run.append({ type: 'checkpoint', iteration: kept.iteration, kind: 'labeller' });
    return;
  }
  const best = findWeights(run.path, 'best');
  if (!best || progress.done !== phase.first + phase.iterations)
    throw new CheckpointError(
      `${join(run.path, best ? 'labeller' : 'best')}: is missing; self-training cannot go on after round ${round} without it`,
    );
  verifyWeights(best, [weightsFiles.student]);
  run.writeWeights('labeller', { iteration: progress.done, values: { ...best.mark.values, round } }, (folder) =>
    copyFileSync(join(best.folder, weightsFiles.student), join(folder, weightsFiles.student)),
  );
}

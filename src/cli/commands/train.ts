import type { Command } from 'commander';
import type { LastAndBest, TrainOptions, TrainResult, TrainSeedsOptions, TrainSeedsResult } from '../../tasks/types.ts';
import type { Context } from '../context.ts';
import { columnsTable, percent } from '../table.ts';
import { gather, integer, needs } from '../values.ts';

interface Options {
  readonly config: string;
  readonly set?: readonly string[];
  readonly out: string;
  readonly resume?: boolean;
  readonly allowConfigChange?: readonly string[];
  readonly seeds?: number;
  readonly json?: boolean;
}

function text(result: TrainResult): string {
  const lines = [
    {
      finished: `finished ${result.of} iterations of ${result.method}`,
      'already-finished': `${result.run} is finished already: ${result.of} iterations of ${result.method}`,
      interrupted: `interrupted after ${result.iterations} of ${result.of} iterations; go on with --resume`,
    }[result.status],
  ];
  for (const who of ['student', 'teacher'] as const) {
    const scores = result[who];
    if (scores) lines.push(`${who}: mIoU ${scores.last.toFixed(2)} at the last evaluation, ${scores.best.toFixed(2)} at the best`);
  }
  if (result.status !== 'interrupted') lines.push(`next: dssn evaluate --run ${result.run}`);
  return lines.join('\n');
}

function seedsText({ status, out, method, runs, n, mean, std }: TrainSeedsResult): string {
  const rows: { name: string; student?: LastAndBest | null | undefined; teacher?: LastAndBest | null | undefined }[] = [
    ...runs.map((run) => ({ name: `seed ${run.seed}`, ...run })),
    ...(mean ? [{ name: 'mean', ...mean }] : []),
    ...(std ? [{ name: `standard deviation, n = ${n}`, ...std }] : []),
  ];
  const table = columnsTable([
    { head: 'mIoU', cells: rows.map(({ name }) => name), left: true },
    { head: 'student', cells: rows.map(({ student }) => percent(student?.last)) },
    { head: 'best', cells: rows.map(({ student }) => percent(student?.best)) },
    { head: 'teacher', cells: rows.map(({ teacher }) => percent(teacher?.last)) },
    { head: 'best', cells: rows.map(({ teacher }) => percent(teacher?.best)) },
  ]);
  const last = {
    finished: `finished ${runs.length} runs of ${method}\nnext: dssn runs ${out}`,
    interrupted: 'interrupted; go on with --resume',
  }[status];
  return `${table}\n${last}`;
}

async function trainOne(options: TrainOptions): Promise<{ result: TrainResult; said: string }> {
  const { train } = await import('../../tasks/train.ts');
  const result = await train(options);
  return { result, said: text(result) };
}

async function trainSeveral(options: TrainSeedsOptions): Promise<{ result: TrainSeedsResult; said: string }> {
  const { trainSeeds } = await import('../../tasks/train-seeds.ts');
  const result = await trainSeeds(options);
  return { result, said: seedsText(result) };
}

export function addTrain(program: Command, context: Context): void {
  program
    .command('train')
    .description('train a network as a configuration says, into a run folder')
    .option('--config <file>', '(required) the configuration (YAML)')
    .option('--set <key=value>', 'override a key of the configuration; may be given many times', gather)
    .option('--out <run>', '(required) the run folder to write: config, manifest, events, weights')
    .option('--resume', 'go on from the checkpoint in the run folder; without one, begin')
    .option(
      '--allow-config-change <key>',
      'with --resume: a key, or section, that may differ from the run; may be given many times',
      gather,
    )
    .option(
      '--seeds <n>',
      'train n runs, OUT/seed-S for the seed S of the configuration and those after it; report mean and standard deviation',
      integer(1),
    )
    .option('--json', 'print the result as JSON on stdout, all else on stderr')
    .addHelpText(
      'after',
      `
Examples:
  dssn train --config configs/camvid.yaml --set data.root=CamVid --out runs/camvid
  dssn train --config configs/camvid.yaml --set data.root=CamVid --set method=supervised --set seed=2 --out runs/supervised-2
  dssn train --config configs/camvid.yaml --set data.root=CamVid --out runs/camvid --resume
  dssn train --config configs/camvid.yaml --set data.root=CamVid --out runs/camvid --resume --set train.iterations=6000 --allow-config-change train.iterations
  dssn train --config configs/camvid.yaml --set data.root=CamVid --out runs/camvid-seeds --seeds 3`,
    )
    .hook('preAction', needs('config', 'out'))
    .action(async (options: Options) => {
      const { loadConfig } = await import('../../config/load.ts');
      const config = loadConfig(options.config, options.set);
      const given: TrainOptions = {
        config,
        out: options.out,
        resume: options.resume ?? false,
        ...(options.allowConfigChange && { allowConfigChange: options.allowConfigChange }),
        command: context.command,
        reporter: context.reporter(options.json),
        signal: context.interruption.signal,
      };
      const { seeds } = options;
      const { result, said } = await (seeds === undefined ? trainOne(given) : trainSeveral({ ...given, seeds }));
      context.print(options.json, result, () => said);
      if (result.status === 'interrupted') context.stoppedEarly();
    });
}

import type { Command } from 'commander';
import type { TrainResult } from '../../tasks/types.ts';
import type { Context } from '../context.ts';
import { gather, needs } from '../values.ts';

interface Options {
  readonly config: string;
  readonly set?: readonly string[];
  readonly out: string;
  readonly resume?: boolean;
  readonly allowConfigChange?: readonly string[];
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
    .option('--json', 'print the result as JSON on stdout, all else on stderr')
    .addHelpText(
      'after',
      `
Examples:
  dssn train --config configs/camvid.yaml --set data.root=CamVid --out runs/camvid
  dssn train --config configs/camvid.yaml --set data.root=CamVid --set method=supervised --set seed=2 --out runs/supervised-2
  dssn train --config configs/camvid.yaml --set data.root=CamVid --out runs/camvid --resume
  dssn train --config configs/camvid.yaml --set data.root=CamVid --out runs/camvid --resume --set train.iterations=6000 --allow-config-change train.iterations`,
    )
    .hook('preAction', needs('config', 'out'))
    .action(async (options: Options) => {
      const { loadConfig } = await import('../../config/load.ts');
      const config = loadConfig(options.config, options.set);
      const { train } = await import('../../tasks/train.ts');
      const result = await train({
        config,
        out: options.out,
        resume: options.resume ?? false,
        ...(options.allowConfigChange && { allowConfigChange: options.allowConfigChange }),
        command: context.command,
        reporter: context.reporter(options.json),
        signal: context.interruption.signal,
      });
      context.print(options.json, result, () => text(result));
      if (result.status === 'interrupted') context.stoppedEarly();
    });
}

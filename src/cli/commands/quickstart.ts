import type { Command } from 'commander';
import type { QuickstartResult } from '../../tasks/types.ts';
import type { Context } from '../context.ts';
import { formatSeconds } from '../progress.ts';
import { integer } from '../values.ts';

interface Options {
  readonly out: string;
  readonly seed: number;
  readonly json?: boolean;
}

function text(result: QuickstartResult): string {
  if (result.status === 'interrupted') return `interrupted after ${formatSeconds(result.seconds)}`;
  return `done in ${formatSeconds(result.seconds)}; look at ${result.report}`;
}

export function addQuickstart(program: Command, context: Context): void {
  program
    .command('quickstart')
    .description('the whole story in minutes, on a CPU: draws images, hides most labels, trains supervised and DSSN, compares them')
    .option('--out <dir>', 'folder for the images, the two runs, the pictures and report.html', 'quickstart')
    .option('--seed <n>', 'seed of the drawn images and of both runs', integer(0), 0)
    .option('--json', 'print the result as JSON on stdout, all else on stderr')
    .addHelpText('after', '\nExamples:\n  dssn quickstart\n  dssn quickstart --seed 3 --out runs/quickstart-3')
    .action(async (options: Options) => {
      const { quickstart } = await import('../../tasks/quickstart.ts');
      const result = await quickstart({
        out: options.out,
        seed: options.seed,
        command: context.command,
        reporter: context.reporter(options.json),
        signal: context.interruption.signal,
      });
      context.print(options.json, result, () => text(result));
      if (result.status === 'interrupted') context.stoppedEarly();
    });
}

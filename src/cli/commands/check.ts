import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import { shellWord } from '../../base/shown.ts';
import { checkText } from '../check-text.ts';
import type { Context } from '../context.ts';
import { gather, needs } from '../values.ts';

interface Options {
  readonly config: string;
  readonly set?: readonly string[];
  readonly out: string;
  /** False with --no-estimate. */
  readonly estimate: boolean;
  readonly json?: boolean;
}

/** The commands to type next, with the same configuration. */
function nextOf({ config, set = [] }: Options): { train: string; again: string } {
  const same = ['--config', config, ...set.flatMap((override) => ['--set', override])].map(shellWord).join(' ');
  const run = shellWord(`runs/${basename(config, extname(config))}`);
  return { train: `dssn train ${same} --out ${run}`, again: `dssn check ${same}` };
}

export function addCheck(program: Command, context: Context): void {
  program
    .command('check')
    .description('open every file of a configuration, before training does: all problems at once, classes, memory and time, a picture')
    .option('--config <file>', '(required) the configuration (YAML)')
    .option('--set <key=value>', 'override a key of the configuration; may be given many times', gather)
    .option('--out <dir>', 'folder for labels.png and check.json; or, ending in .png, the picture alone', 'dssn-check')
    .option('--no-estimate', 'do not try training steps to tell memory and time')
    .option('--json', 'print the result as JSON on stdout, all else on stderr')
    .addHelpText(
      'after',
      `
Nothing of the data is changed. Exit code 2 where training would fail, 0 where there are at most warnings.

Examples:
  dssn check --config dssn.yaml
  dssn check --config configs/camvid.yaml --set data.root=CamVid --out camvid-check
  dssn check --config dssn.yaml --no-estimate --json`,
    )
    .hook('preAction', needs('config'))
    .action(async (options: Options) => {
      const { loadConfig } = await import('../../config/load.ts');
      const config = loadConfig(options.config, options.set);
      const { check } = await import('../../tasks/check.ts');
      const { out, estimate, json } = options;
      const result = await check({ config, out, estimate, reporter: context.reporter(json) });
      context.print(json, result, () => checkText(result, nextOf(options)));
      if (!result.ok) context.exitCode = 2;
    });
}

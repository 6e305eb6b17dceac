import type { Command } from 'commander';
import { shellWord } from '../../base/shown.ts';
import type { InitResult } from '../../tasks/types.ts';
import type { Context } from '../context.ts';
import { gather, integer, positive } from '../values.ts';

interface Options {
  readonly masks?: string;
  readonly out: string;
  readonly val?: number;
  readonly seed: number;
  readonly ignore?: readonly string[];
  readonly force?: boolean;
  readonly json?: boolean;
}

function text({ config, lists, labelled, unlabelled, val, classes }: InitResult): string {
  return [
    `${config}: ${classes.length} classes, ${labelled} labelled, ${unlabelled} unlabelled and ${val} validation images (lists in ${lists})`,
    `next: look at ${config}, then`,
    `  dssn check --config ${shellWord(config)}`,
    `  dssn train --config ${shellWord(config)} --out runs/first`,
  ].join('\n');
}

export function addInit(program: Command, context: Context): void {
  program
    .command('init')
    .description('look at a folder of images and label maps, and write a configuration that trains on them')
    .argument(
      '<folder>',
      'images and label maps in any folders below it, paired by their names; images without a label map are the unlabelled ones',
    )
    .option('--masks <folder>', 'the label maps are in a folder of their own')
    .option('--out <file>', 'the configuration to write; its lists go into a folder beside it', 'dssn.yaml')
    .option(
      '--val <n|share>',
      'validation images: a number, or a share below 1 of the labelled ones (default: a fifth, more where classes would be missing)',
      positive,
    )
    .option('--seed <n>', 'seed of the validation list and of the training', integer(0), 1)
    .option('--ignore <label>', 'a label that means no label: a number, or a colour as #rrggbb or r,g,b; may be given many times', gather)
    .option('--force', 'replace what is there already')
    .option('--json', 'print the result as JSON on stdout, all else on stderr')
    .addHelpText(
      'after',
      `
Examples:
  dssn init photos/
  dssn init images/ --masks annotations/ --ignore 11
  dssn init photos/ --out street.yaml --val 20 --ignore '#000000'

Known names: images/a.jpg with masks/a.png, labels/a.png or annotations/a.png; a.jpg with a_mask.png, a-seg.png, a.label.png or a.png.
Label maps are PNG files: numbers (grey or palette), masks of 0 and 255, or a colour a class. Nothing in the folder is changed.`,
    )
    .action(async (folder: string, options: Options) => {
      const { init } = await import('../../tasks/init.ts');
      const { masks, val } = options;
      const result = await init({
        folder,
        out: options.out,
        seed: options.seed,
        ignore: options.ignore ?? [],
        force: options.force ?? false,
        ...(masks !== undefined && { masks }),
        ...(val !== undefined && { val }),
        reporter: context.reporter(options.json),
      });
      context.print(options.json, result, () => text(result));
    });
}

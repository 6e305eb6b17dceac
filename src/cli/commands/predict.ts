import type { Command } from 'commander';
import { ConfigError } from '../../base/errors.ts';
import { weightsChoices } from '../../config/names.ts';
import type { Context } from '../context.ts';
import { needs } from '../values.ts';

interface Options {
  readonly run?: string;
  readonly checkpoint?: string;
  readonly weights?: string;
  readonly out: string;
  readonly tta?: boolean;
  readonly device?: string;
  readonly json?: boolean;
}

/** Exactly one of --run and --checkpoint, and --weights with --run alone. */
function checkSource({ run, checkpoint, weights }: Options): void {
  if ((run === undefined) === (checkpoint === undefined))
    throw new ConfigError(`exactly one of --run and --checkpoint must be given; ${run === undefined ? 'neither is' : 'both are'}`);
  if (checkpoint !== undefined && weights !== undefined)
    throw new ConfigError('--weights chooses among the weights of --run; --checkpoint is a file of weights itself');
}

export function addPredict(program: Command, context: Context): void {
  program
    .command('predict')
    .description('label every pixel of images: a PNG of class indices with the palette, and the colours over the image')
    .argument('<image|folder...>', 'images, and folders whose images are all taken')
    .option('--run <run>', 'the run folder')
    .option('--checkpoint <file>', 'a file of weights (.safetensors) that holds its configuration')
    .option('--weights <which>', `with --run: ${weightsChoices.join(', ')}, or a file (default: teacher-best, else best)`)
    .option('--out <dir>', '(required) folder for the predictions')
    .option('--tta', 'test-time augmentation: five scales, each plain and mirrored')
    .option('--device <device>', 'cpu, cuda:0, ... (default: the first GPU if there is one, else the CPU)')
    .option('--json', 'print a line {"image", "mask", "overlay"} for each image on stdout, all else on stderr')
    .addHelpText(
      'after',
      '\nExamples:\n  dssn predict --run runs/camvid --out predictions street.png\n  dssn predict --checkpoint runs/camvid/best/student.safetensors --out predictions photos/',
    )
    .hook('preAction', needs('out'))
    .action(async (inputs: string[], options: Options) => {
      checkSource(options);
      const { predict } = await import('../../tasks/predict.ts');
      const { run, checkpoint, weights, device } = options;
      const { predictions } = await predict({
        inputs,
        out: options.out,
        tta: options.tta ?? false,
        ...(run !== undefined && { run }),
        ...(checkpoint !== undefined && { checkpoint }),
        ...(weights !== undefined && { weights }),
        ...(device !== undefined && { device }),
        reporter: context.reporter(options.json),
      });
      for (const prediction of predictions) context.print(options.json, prediction, () => `${prediction.mask}  ${prediction.overlay}`);
    });
}

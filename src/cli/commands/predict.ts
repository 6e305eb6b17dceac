import type { Command } from 'commander';
import { weightsChoices } from '../../config/names.ts';
import type { Context } from '../context.ts';
import { checkSource, gather, needs, type WeightsSource } from '../values.ts';

interface Options extends WeightsSource {
  readonly out: string;
  readonly tta?: boolean;
  readonly device?: string;
  readonly json?: boolean;
}

export function addPredict(program: Command, context: Context): void {
  program
    .command('predict')
    .description('label every pixel of images: a PNG of class indices with the palette, and the colours over the image')
    .argument('<image|folder...>', 'images, and folders whose images are all taken')
    .option('--run <run>', 'the run folder')
    .option('--checkpoint <file>', 'a file of weights: a .safetensors of ours, which knows its classes, or any .pth, with --config')
    .option('--config <file>', 'with --checkpoint: a configuration (YAML) that tells classes, palette and mode')
    .option('--set <key=value>', 'override a key of the configuration; may be given many times', gather)
    .option('--weights <which>', `with --run: ${weightsChoices.join(', ')}, or a file (default: teacher-best, else best)`)
    .option('--out <dir>', '(required) folder for the predictions')
    .option('--tta', 'test-time augmentation: five scales, each plain and mirrored')
    .option('--device <device>', 'cpu, cuda:0, ... (default: the first GPU if there is one, else the CPU)')
    .option('--json', 'print a line {"image", "mask", "overlay"} for each image on stdout, all else on stderr')
    .addHelpText(
      'after',
      '\nExamples:\n  dssn predict --run runs/camvid --out predictions street.png\n  dssn predict --checkpoint runs/camvid/best/student.safetensors --out predictions photos/\n  dssn predict --checkpoint published.pth --config mine.yaml --out predictions street.png',
    )
    .hook('preAction', needs('out'))
    .action(async (inputs: string[], options: Options) => {
      checkSource(options);
      const { predict } = await import('../../tasks/predict.ts');
      const { run, checkpoint, weights, device } = options;
      const { loadConfig } = await import('../../config/load.ts');
      const { predictions } = await predict({
        inputs,
        out: options.out,
        tta: options.tta ?? false,
        ...(run !== undefined && { run }),
        ...(checkpoint !== undefined && { checkpoint }),
        ...(options.config !== undefined && { config: loadConfig(options.config, options.set) }),
        ...(weights !== undefined && { weights }),
        ...(device !== undefined && { device }),
        reporter: context.reporter(options.json),
      });
      for (const prediction of predictions) context.print(options.json, prediction, () => `${prediction.mask}  ${prediction.overlay}`);
    });
}

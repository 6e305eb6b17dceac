import { type Command, Option } from 'commander';
import { evalModes, weightsChoices } from '../../config/names.ts';
import type { EvaluateResult } from '../../tasks/types.ts';
import type { Context } from '../context.ts';
import { formatTable } from '../table.ts';
import { needs } from '../values.ts';

interface Options {
  readonly run: string;
  readonly weights?: string;
  readonly mode?: EvaluateResult['mode'];
  readonly tta?: boolean;
  readonly device?: string;
  readonly data?: string;
  readonly list?: string;
  readonly json?: boolean;
}

function text(result: EvaluateResult): string {
  const means = [
    ['mIoU, every class', result.miou],
    ['mIoU, classes present', result.miou_present],
  ] as const;
  const rows = [...Object.entries(result.iou), ...means].map(([name, value]) => [name, value.toFixed(2)]);
  const width = Math.max(...rows.map(([, value]) => value!.length));
  const table = formatTable(
    ['class', 'IoU %'],
    rows.map(([name, value]) => [name!, value!.padStart(width)]),
  );
  return `${table}\n\n${result.images} images, ${result.mode}${result.tta ? ', tta' : ''}, ${result.weights}`;
}

export function addEvaluate(program: Command, context: Context): void {
  program
    .command('evaluate')
    .description("mIoU of a run's weights on the validation list")
    .option('--run <run>', '(required) the run folder')
    .option('--weights <which>', `${weightsChoices.join(', ')}, or a file (default: teacher-best, else best)`)
    .addOption(new Option('--mode <mode>', 'what of an image the network sees (default: as in training)').choices(evalModes))
    .option('--tta', 'test-time augmentation: five scales, each plain and mirrored')
    .option('--device <device>', 'cpu, cuda:0, ... (default: the first GPU if there is one, else the CPU)')
    .option('--data <root>', "another data root than the run's")
    .option('--list <file>', "another list of images than the run's validation list")
    .option(
      '--json',
      'print {"miou", "miou_present", "iou": {class: value}, "images", "mode", "tta", "weights"} on stdout, all else on stderr',
    )
    .addHelpText('after', '\nExamples:\n  dssn evaluate --run runs/camvid\n  dssn evaluate --run runs/camvid --weights latest --json')
    .hook('preAction', needs('run'))
    .action(async (options: Options) => {
      const { evaluate } = await import('../../tasks/evaluate.ts');
      const { run, weights, data, list, device, mode } = options;
      const result = await evaluate({
        run,
        tta: options.tta ?? false,
        ...(weights !== undefined && { weights }),
        ...(mode !== undefined && { mode }),
        ...(device !== undefined && { device }),
        ...(data !== undefined && { data }),
        ...(list !== undefined && { list }),
        reporter: context.reporter(options.json),
      });
      context.print(options.json, result, () => text(result));
    });
}

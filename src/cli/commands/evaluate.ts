import { type Command, Option } from 'commander';
import { ConfigError } from '../../base/errors.ts';
import { evalModes, weightsChoices } from '../../config/names.ts';
import type { EvaluateResult } from '../../tasks/types.ts';
import type { Context } from '../context.ts';
import { formatTable } from '../table.ts';
import { checkSource, gather, type WeightsSource } from '../values.ts';

interface Options extends WeightsSource {
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

/** The options of the task that say whose weights. */
async function sourceOf(options: Options) {
  checkSource(options);
  const { run, checkpoint, weights, config } = options;
  if (run !== undefined) return { run, ...(weights !== undefined && { weights }) };
  if (checkpoint === undefined || config === undefined)
    throw new ConfigError('--checkpoint needs --config, which tells data, classes and mode');
  const { loadConfig } = await import('../../config/load.ts');
  return { checkpoint, config: loadConfig(config, options.set) };
}

export function addEvaluate(program: Command, context: Context): void {
  program
    .command('evaluate')
    .description("mIoU of a run's weights, or of a checkpoint's, on the validation list")
    .option('--run <run>', 'the run folder')
    .option('--checkpoint <file>', "in place of a run: a file of a network's weights (.pth or .safetensors), with --config")
    .option('--config <file>', 'with --checkpoint: the configuration (YAML) that tells data, classes and mode')
    .option('--set <key=value>', 'override a key of the configuration; may be given many times', gather)
    .option('--weights <which>', `with --run: ${weightsChoices.join(', ')}, or a file of either format (default: teacher-best, else best)`)
    .addOption(new Option('--mode <mode>', 'what of an image the network sees (default: as in training)').choices(evalModes))
    .option('--tta', 'test-time augmentation: five scales, each plain and mirrored')
    .option('--device <device>', 'cpu, cuda:0, ... (default: the first GPU if there is one, else the CPU)')
    .option('--data <root>', 'another data root')
    .option('--list <file>', 'another list of images than the validation list')
    .option(
      '--json',
      'print {"miou", "miou_present", "iou": {class: value}, "images", "mode", "tta", "weights"} on stdout, all else on stderr',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  dssn evaluate --run runs/camvid\n  dssn evaluate --run runs/camvid --weights latest --json\n  dssn evaluate --checkpoint published.pth --config mine.yaml --set model.backbone=resnet101',
    )
    .action(async (options: Options) => {
      const source = await sourceOf(options);
      const { evaluate } = await import('../../tasks/evaluate.ts');
      const { data, list, device, mode } = options;
      const result = await evaluate({
        ...source,
        tta: options.tta ?? false,
        ...(mode !== undefined && { mode }),
        ...(device !== undefined && { device }),
        ...(data !== undefined && { data }),
        ...(list !== undefined && { list }),
        reporter: context.reporter(options.json),
      });
      context.print(options.json, result, () => text(result));
    });
}

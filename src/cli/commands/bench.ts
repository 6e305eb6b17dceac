import { Argument, type Command, Option } from 'commander';
import { backbones, methods } from '../../config/names.ts';
import type { BenchLoaderOptions, BenchStepOptions } from '../../tasks/types.ts';
import type { Context } from '../context.ts';
import { gather, integer, positive } from '../values.ts';

interface BenchFlags {
  readonly threads?: number;
  readonly bf16?: boolean;
  readonly set?: readonly string[];
  readonly json?: boolean;
}

const jsonHelp = 'print the numbers as JSON on stdout, all else on stderr';

/** A result as lines of `name value`. */
function numbers(result: object): string {
  return Object.entries(result)
    .map(([name, value]) => `${name} ${typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(4) : value}`)
    .join('\n');
}

export function addBench(program: Command, context: Context): void {
  const bench = program.command('bench').description('how fast this machine is');

  bench
    .command('step')
    .description('time of one training step on made-up images')
    .addOption(new Option('--method <method>', 'what is trained').choices(methods).default('dssn'))
    .addOption(new Option('--backbone <backbone>', 'the encoder').choices(backbones).default('resnet50'))
    .option('--nclass <c>', 'number of classes', integer(2), 21)
    .option('--crop <s>', 'side of the crop, pixels', integer(1), 321)
    .option('--batch <n>', 'labelled images a step, and as many unlabelled ones', integer(1), 2)
    .option('--threads <t>', "the engine's threads (default: one a physical core)", integer(1))
    .option('--device <device>', 'cpu, cuda:0, ...', 'cpu')
    .option('--bf16', 'forward passes in bfloat16')
    .option('--set <key=value>', 'a key of model, train, select or loss, over what other options say; may be given many times', gather)
    .option('--iters <k>', 'steps to measure', integer(1), 10)
    .option('--json', jsonHelp)
    .addHelpText(
      'after',
      '\nExamples:\n  dssn bench step --backbone resnet18 --nclass 11 --crop 129 --batch 4 --threads 2 --json\n  dssn bench step --backbone resnet18 --crop 97 --set model.stem=standard --set model.decoder_channels=64',
    )
    .action(async (options: Omit<BenchStepOptions, 'threads' | 'bf16' | 'set' | 'reporter'> & BenchFlags) => {
      const { benchStep } = await import('../../tasks/bench-step.ts');
      const { method, backbone, nclass, crop, batch, iters, device, threads = 'auto', bf16 = false, set = [] } = options;
      const reporter = context.reporter(options.json);
      const result = await benchStep({ method, backbone, nclass, crop, batch, iters, device, threads, bf16, set, reporter });
      context.print(options.json, result, () => numbers(result));
    });

  bench
    .command('loader')
    .description('samples per second from disk to batches: an unlabelled image, its weak view, two strong views, two boxes')
    .addArgument(new Argument('<root>', 'the folder that the list is relative to'))
    .addArgument(new Argument('<list>', 'a list of images, one a line'))
    .option('--crop <s>', 'side of the crop, pixels', integer(1), 321)
    .option('--workers <w>', 'worker threads; 0 = the main thread', integer(0), 2)
    .option('--seconds <s>', 'how long to measure', positive, 10)
    .option('--json', jsonHelp)
    .addHelpText('after', '\nExamples:\n  dssn bench loader CamVid splits/camvid/1_8/unlabeled.txt --crop 321 --workers 2 --json')
    .action(async (root: string, list: string, options: Pick<BenchLoaderOptions, 'crop' | 'workers' | 'seconds'> & { json?: boolean }) => {
      const { benchLoader } = await import('../../tasks/bench-loader.ts');
      const { crop, workers, seconds } = options;
      const result = await benchLoader({ root, list, crop, workers, seconds, reporter: context.reporter(options.json) });
      context.print(options.json, result, () => numbers(result));
    });
}

import type { Command } from 'commander';
import { shown } from '../../base/shown.ts';
import type { ConvertResult } from '../../tasks/types.ts';
import type { Context } from '../context.ts';

interface Options {
  readonly force?: boolean;
  readonly json?: boolean;
}

function text({ input, output, entry, tensors, left_out }: ConvertResult): string {
  const from = entry === null ? input : `entry '${shown(entry)}' of ${input}`;
  const rest = Object.entries(left_out).map(([name, value]) => (value === null ? shown(name) : `${shown(name)} = ${shown(String(value))}`));
  return [`${output}: ${tensors} tensors, ${from}`, ...(rest.length > 0 ? [`left out: ${rest.join(', ')}`] : [])].join('\n');
}

export function addConvert(program: Command, context: Context): void {
  program
    .command('convert')
    .description("a file of weights from PyTorch's .pth to .safetensors, or back")
    .argument('<in>', 'a file of either format (known by its bytes); of a whole checkpoint the weights of the network are taken')
    .argument('<out>', 'the file to write; its ending says the format: .pth or .safetensors')
    .option('--force', 'replace the output where it is there already')
    .option('--json', 'print {"input", "output", "format", "entry", "tensors", "left_out"} on stdout, all else on stderr')
    .addHelpText(
      'after',
      '\nExamples:\n  dssn convert resnet101.pth resnet101.safetensors\n  dssn convert runs/camvid/teacher-best/teacher.safetensors camvid.pth',
    )
    .action(async (input: string, output: string, options: Options) => {
      const { convert } = await import('../../tasks/convert.ts');
      const result = convert({ input, output, force: options.force ?? false });
      context.print(options.json, result, () => text(result));
    });
}

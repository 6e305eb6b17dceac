import type { Command } from 'commander';
import type { DoctorResult, Finding } from '../../tasks/types.ts';
import type { Context } from '../context.ts';
import { formatTable } from '../table.ts';

function facts(result: DoctorResult): string {
  const { engine, cpu, memory } = result;
  const rows: [string, string][] = [['dssn', `${result.dssn}, Node ${result.node}`]];
  rows.push(['engine', engine ? `libtorch ${engine.version} (${engine.source}), ${engine.folder}` : 'none that loads']);
  if (engine) rows.push(['BLAS', engine.blas], ['threads', `${engine.threads} in use`]);
  rows.push(['CPU', `${cpu.model}, ${cpu.physical_cores} cores (${cpu.logical_cores} logical)`]);
  rows.push(['features', cpu.features.join(' ') || 'none that matter']);
  rows.push(['GPU', result.gpus.join('; ') || 'none']);
  if (engine) rows.push(['CUDA', engine.cuda ? 'yes' : 'no: this engine, or this machine, has none']);
  rows.push(['memory', `${memory.available_gb.toFixed(1)} of ${memory.total_gb.toFixed(1)} GB free, ${memory.allocator}`]);
  return formatTable(['', ''], rows).trimStart();
}

function sentence(finding: Finding): string {
  const label = { missing: 'missing', slow: 'would be faster', note: 'note' }[finding.level];
  return `${label}: ${finding.text}${finding.cure ? `\n  ${finding.cure.replaceAll('\n', '\n  ')}` : ''}`;
}

export function addDoctor(program: Command, context: Context): void {
  program
    .command('doctor')
    .description('what was found on this machine, what is missing, what would be faster and how to get it')
    .option('--json', 'print it as JSON on stdout')
    .addHelpText('after', '\nExamples:\n  dssn doctor\n  dssn doctor --json')
    .action(async (options: { readonly json?: boolean }) => {
      const { doctor } = await import('../../tasks/doctor.ts');
      const result = await doctor();
      context.print(options.json, result, () =>
        [facts(result), ...result.findings.map(sentence), result.ok ? 'ready' : 'not ready'].join('\n'),
      );
      if (!result.ok) context.exitCode = 1;
    });
}

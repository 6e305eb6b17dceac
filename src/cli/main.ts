/** The entry of the command line: arguments in, exit code out. */
import { CommanderError } from 'commander';
import { DssnError, messageOf } from '../base/errors.ts';
import { Context, Interruption } from './context.ts';
import { buildProgram } from './program.ts';

/** A wrong option, argument or command. */
const WRONG_USAGE = 2;
const LINGER_MS = 3000;

function report(thrown: unknown, context: Context): number {
  // Commander has printed its message itself, and ends help and version with 0.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : WRONG_USAGE;
  const { colours, stderr } = context;
  if (process.env.DSSN_DEBUG === '1' && thrown instanceof Error) stderr.write(`${thrown.stack}\n`);
  const hint = thrown instanceof DssnError || process.env.DSSN_DEBUG === '1' ? '' : '\n(set DSSN_DEBUG=1 to see where)';
  stderr.write(`${colours.red('error:')} ${messageOf(thrown)}${hint}\n`);
  return thrown instanceof DssnError ? thrown.exitCode : 1;
}

/**
 * Runs one command.
 * @param argv the arguments, without node and the program's path
 * @returns the exit code: 0 done, 2 wrong configuration or usage, 1 any other failure, 130 after SIGINT, 143 after SIGTERM
 */
export async function main(argv: readonly string[]): Promise<number> {
  const { stdout, stderr } = process;
  // A reader that has seen enough (`| head`) is no failure, and must not end a training: the rest is written to nobody.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exit(1);
  });
  const interruption = new Interruption(
    (text) => stderr.write(`\n${text}\n`),
    (code) => process.exit(code),
  );
  const context = new Context(stdout, stderr, argv, interruption);
  const stopListening = interruption.listen();
  try {
    await buildProgram(context).parseAsync(argv, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    return report(error, context);
  } finally {
    stopListening();
    // A worker that a failed task left behind must not keep the process; what is written to a pipe gets its time.
    setTimeout(() => process.exit(), LINGER_MS).unref();
  }
}

/** The commands. Each turns its arguments into the options of one task and prints the result: no mathematics, no files. */
import { Command } from 'commander';
import { VERSION } from '../tasks/version.ts';
import { addBench } from './commands/bench.ts';
import { addCheck } from './commands/check.ts';
import { addConvert } from './commands/convert.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEvaluate } from './commands/evaluate.ts';
import { addInit } from './commands/init.ts';
import { addPredict } from './commands/predict.ts';
import { addQuickstart } from './commands/quickstart.ts';
import { addRuns } from './commands/runs.ts';
import { addTrain } from './commands/train.ts';
import type { Context } from './context.ts';

/** The program, ready to parse arguments; it throws CommanderError instead of ending the process. */
export function buildProgram(context: Context): Command {
  const program = new Command('dssn')
    .description('Semi-supervised semantic segmentation: DSSN and its rivals on libtorch.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      outputError: (text, write) => write(context.colours.red(text)),
    })
    .addHelpText(
      'after',
      '\nStart with:  dssn quickstart      With images of your own:  dssn init FOLDER      What is on this machine:  dssn doctor',
    );
  for (const add of [addQuickstart, addInit, addCheck, addTrain, addEvaluate, addPredict, addRuns, addConvert, addDoctor, addBench])
    add(program, context);
  return program;
}

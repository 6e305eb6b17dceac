/** Memory and time of a run, by a few of its steps in a process of their own, so that running out of memory is told, not suffered. */
import { type ChildProcess, fork } from 'node:child_process';
import { workerFile } from '../data/loader/pool.ts';
import type { Measured, MeasureSetup } from './check-measure.ts';
import type { CheckEstimate, CheckProblem } from './check-types.ts';
import { memoryInfo } from './machine.ts';
import type { Reporter } from './types.ts';

/** What the child says: a step is done; the end. */
export type ChildMessage =
  | { readonly step: number; readonly of: number }
  | { readonly result: Measured }
  | { readonly error: { readonly code: string; readonly message: string } };

/** The child is stopped where less memory than this is free, in GB of 2^30 bytes: before other processes suffer. */
const LEAST_FREE_GB = 0.5;
const WATCH_MS = 200;
const MB_PER_GB = 2 ** 30 / 1e6;

/** Messages of engines and of the system that mean too little memory. */
const memoryMessage =
  /out of memory|can't allocate memory|bad_alloc|array buffer allocation failed|invalid (typed )?array (buffer )?length/i;
/** How a process ends whose memory could not be had: killed by the system, or aborted by C++. */
const memorySignals: readonly (NodeJS.Signals | null)[] = ['SIGKILL', 'SIGABRT'];

export type Estimated = { readonly estimate: Omit<CheckEstimate, 'load'> } | { readonly problem: CheckProblem };

const REMEDY = 'a smaller data.crop_size, train.batch_size or data.long_side needs less';

function problemOf(message: string, code: string): CheckProblem {
  if (memoryMessage.test(message))
    return { level: 'error', kind: 'out_of_memory', text: `a training step ran out of memory (${message}); ${REMEDY}` };
  if (code === 'config' || code === 'checkpoint') return { level: 'error', kind: 'settings', text: message };
  return { level: 'error', kind: 'step_failed', text: message };
}

/** What a child that said nothing died of. */
function deathOf(code: number | null, signal: NodeJS.Signals | null, leastFree: number): CheckProblem {
  const how = signal === null ? `exit code ${code}` : signal;
  if (memorySignals.includes(signal))
    return {
      level: 'error',
      kind: 'out_of_memory',
      text: `the steps that were tried needed more memory than there is: ${leastFree.toFixed(1)} GB were left when they were ended (${how}); ${REMEDY}`,
    };
  return { level: 'error', kind: 'step_failed', text: `the process of the training steps ended unexpectedly (${how})` };
}

/** The child's last message, or how it died. `watch` is called again and again meanwhile. */
function outcomeOf(child: ChildProcess, onStep: (step: number, of: number) => void, watch: () => void) {
  return new Promise<{ said?: ChildMessage; code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    let said: ChildMessage | undefined;
    const timer = setInterval(watch, WATCH_MS);
    child.on('message', (message: ChildMessage) => {
      if ('step' in message) onStep(message.step, message.of);
      else said = message;
    });
    child.once('error', (error) => {
      clearInterval(timer);
      reject(error);
    });
    child.once('exit', (code, signal) => {
      clearInterval(timer);
      resolve({ ...(said && { said }), code, signal });
    });
  });
}

/**
 * Runs the steps and waits for what they tell.
 * @param leastFreeGb the child is stopped, and called out of memory, where less is free.
 */
export async function estimateTraining(setup: MeasureSetup, reporter: Reporter, leastFreeGb = LEAST_FREE_GB): Promise<Estimated> {
  const { available } = memoryInfo();
  const child = fork(workerFile(import.meta.url, 'check-child'), {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let complaint = '';
  child.stderr?.on('data', (chunk) => {
    complaint = (complaint + String(chunk)).slice(-2000);
  });
  // A step may be long; it need not be waited for when this process ends.
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  let leastFree = available;
  const watch = (): void => {
    leastFree = Math.min(leastFree, memoryInfo().available);
    if (leastFree < leastFreeGb) end();
  };
  reporter.note('trying training steps ...');
  let begun = false;
  const onStep = (iteration: number, of: number): void => {
    if (!begun) reporter.start(of, 'training steps', { unit: 'step', done: iteration });
    begun = true;
    reporter.update({ iteration });
  };
  child.send(setup);
  const { said, code, signal } = await outcomeOf(child, onStep, watch);
  process.off('exit', end);
  if (begun) reporter.end();
  if (said && 'result' in said) return { estimate: { ...said.result, available_mb: Math.round(available * MB_PER_GB) } };
  if (said && 'error' in said) return { problem: problemOf(said.error.message, said.error.code) };
  // libtorch and V8 write why they abort.
  return { problem: memoryMessage.test(complaint) ? problemOf(complaint.trim().split('\n')[0]!, '') : deathOf(code, signal, leastFree) };
}

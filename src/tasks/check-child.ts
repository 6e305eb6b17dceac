/** The process that `estimateTraining` starts: takes one setup, tells its progress and its result, and ends with its parent. */
import { writeFileSync } from 'node:fs';
import { DssnError, messageOf } from '../base/errors.ts';
import type { ChildMessage } from './check-estimate.ts';
import type { MeasureSetup } from './check-measure.ts';

const tell = (message: ChildMessage): Promise<void> => new Promise((resolve) => process.send!(message, () => resolve()));

async function measure(setup: MeasureSetup): Promise<ChildMessage> {
  try {
    const { measureTraining } = await import('./check-measure.ts');
    return { result: await measureTraining(setup, (step, of) => void tell({ step, of })) };
  } catch (error) {
    return { error: { code: error instanceof DssnError ? error.code : 'internal', message: messageOf(error) } };
  }
}

try {
  // Where memory runs out, let the system end this process before any other.
  writeFileSync('/proc/self/oom_score_adj', '1000');
} catch {
  // A system without it chooses for itself.
}
process.once('message', (setup) => {
  void measure(setup as MeasureSetup)
    .then(tell)
    .then(() => process.exit(0));
});
process.once('disconnect', () => process.exit(1));

/** Supervised training on the labelled images alone: the baseline of every comparison (SPEC section 8). */
import type { Method, StepContext, StepResult, Views } from './method.ts';
import { labelledLoss, type MethodOptions } from './options.ts';
import { learnPart, resultOf } from './parts.ts';

export function supervised(options: MethodOptions): Method {
  const criterion = labelledLoss(options);
  return {
    name: 'supervised',
    usesUnlabelled: false,
    step({ labelled }: Views, { student, precision, dropout, learn }: StepContext): StepResult {
      const part = learnPart(learn, () => {
        const logits_NKHW = precision(() => student.forward(labelled.images, true, dropout('labelled')));
        const loss = criterion(logits_NKHW, labelled.labels);
        return { loss, terms: { loss_x: loss } };
      });
      return resultOf([part], ['loss_x']);
    },
  };
}

/** Which classes a batch's pseudo-labels are of, and how many of each were kept. */
import type { StepResult } from '../methods/index.ts';
import type { TrainEvent } from '../runs/events.ts';
import { scope, type Tensor } from '../torch/index.ts';

/**
 * @param valid_UHW bool, false where the crop was padded; these pixels do not count.
 * @returns nothing where the step used no pseudo-labels.
 */
export function sharesByClass(
  result: StepResult,
  valid_UHW: Tensor | undefined,
  classes: readonly string[],
): Pick<TrainEvent, 'pseudo_by_class' | 'kept_by_class'> {
  using _ = scope();
  const found = result.pseudoLabels?.();
  if (!found || !valid_UHW) return {};
  const [labels, keep, valid] = [found.labels, found.keep, valid_UHW].map((t) => t.to('uint8').toBytes()) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const pixels = new Float64Array(classes.length);
  const kept = new Float64Array(classes.length);
  let all = 0;
  for (let i = 0; i < labels.length; i++) {
    if (!valid[i]) continue;
    all++;
    pixels[labels[i]!]!++;
    kept[labels[i]!]! += keep[i]!;
  }
  const seen = classes.flatMap((name, k) => (pixels[k]! > 0 ? [[name, pixels[k]!, kept[k]!] as const] : []));
  return {
    pseudo_by_class: Object.fromEntries(seen.map(([name, count]) => [name, count / all])),
    kept_by_class: Object.fromEntries(seen.map(([name, count, keptOnes]) => [name, keptOnes / count])),
  };
}

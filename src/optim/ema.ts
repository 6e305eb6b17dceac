/**
 * The EMA teacher (SPEC section 6): teacher = keep x teacher + (1 - keep) x student over every entry of the state dict, batch
 * norm's statistics included; integer counters truncate.
 */
import { invariant } from '../base/assert.ts';
import type { Module } from '../nn/index.ts';
import { noGrad, ops, scope, type Tensor } from '../torch/index.ts';

/**
 * The share of itself that the teacher keeps after iteration k.
 * @param warmup min(decay, 1 - 1 / (k + 1)) in place of decay: the teacher is young as long as the student is.
 */
export function emaKeep(decay: number, k: number, warmup: boolean): number {
  return warmup ? Math.min(decay, 1 - 1 / (k + 1)) : decay;
}

/** Moves the teacher towards the student; keep 0 makes it a copy. */
export class Ema {
  readonly #floating: { teacher: Tensor[]; student: Tensor[] } = { teacher: [], student: [] };
  readonly #counters: { teacher: Tensor; student: Tensor }[] = [];

  constructor(student: Module, teacher: Module) {
    const entries = teacher.stateDict();
    for (const [name, source] of student.stateDict()) {
      const target = entries.get(name);
      invariant(target !== undefined, `the teacher has no ${name}`);
      if (source.dtype === 'int64') this.#counters.push({ teacher: target, student: source });
      else {
        this.#floating.teacher.push(target);
        this.#floating.student.push(source);
      }
    }
  }

  update(keep: number): void {
    noGrad(() => {
      using _ = scope();
      const { teacher: targets, student: sources } = this.#floating;
      if (keep === 0) {
        for (const [k, target] of targets.entries()) target.copy_(sources[k]!);
      } else {
        ops.foreachMulScalarInPlace(targets, keep);
        ops.foreachAddListInPlace(targets, sources, { alpha: 1 - keep });
      }
      for (const { teacher, student } of this.#counters) teacher.copy_(student.mul(1 - keep).add(teacher.mul(keep)));
    });
  }
}

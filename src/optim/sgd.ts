/**
 * SGD with momentum and weight decay, as PyTorch's (no dampening, no Nesterov): g += decay x w; v = momentum x v + g (the first
 * v is g); w -= lr x v. Whole lists of tensors at a time.
 */
import { noGrad, ops, persist, scope, type Tensor } from '../torch/index.ts';

export interface ParameterGroup {
  /** In a fixed order: the state is saved by position within the group. */
  readonly parameters: readonly (readonly [name: string, parameter: Tensor])[];
  learningRate: number;
}

export interface SgdOptions {
  readonly momentum: number;
  readonly weightDecay: number;
}

export class Sgd {
  readonly #velocity = new Map<string, Tensor>();

  constructor(
    readonly groups: readonly ParameterGroup[],
    readonly options: SgdOptions,
  ) {}

  /** Applies the gradients and drops them. A parameter without a gradient stays as it is. */
  step(): void {
    const { momentum, weightDecay } = this.options;
    noGrad(() => {
      for (const group of this.groups) {
        using _ = scope();
        const active = group.parameters.flatMap(([name, parameter]) => {
          const gradient = parameter.grad;
          return gradient ? [{ name, parameter, gradient }] : [];
        });
        if (active.length === 0) continue;
        const parameters = active.map((entry) => entry.parameter);
        const gradients = active.map((entry) => entry.gradient);
        ops.foreachAddListInPlace(gradients, parameters, { alpha: weightDecay });
        const old = active.filter(({ name }) => this.#velocity.has(name));
        const oldVelocities = old.map(({ name }) => this.#velocity.get(name)!);
        if (old.length > 0) {
          ops.foreachMulScalarInPlace(oldVelocities, momentum);
          ops.foreachAddListInPlace(
            oldVelocities,
            old.map(({ gradient }) => gradient),
          );
        }
        for (const { name, gradient } of active) if (!this.#velocity.has(name)) this.#velocity.set(name, persist(gradient.detach()));
        const velocities = active.map(({ name }) => this.#velocity.get(name)!);
        ops.foreachAddListInPlace(parameters, velocities, { alpha: -group.learningRate });
        for (const parameter of parameters) parameter.grad = null;
      }
    });
  }

  /** Velocities by parameter name: what resuming needs. The tensors are the optimiser's own. */
  state(): ReadonlyMap<string, Tensor> {
    return this.#velocity;
  }

  /** Takes copies of saved velocities. */
  load(state: ReadonlyMap<string, Tensor>): void {
    noGrad(() => {
      for (const [name, saved] of state) {
        this.#velocity.get(name)?.free();
        this.#velocity.set(name, persist(saved.clone()));
      }
    });
  }

  free(): void {
    for (const velocity of this.#velocity.values()) velocity.free();
    this.#velocity.clear();
  }
}

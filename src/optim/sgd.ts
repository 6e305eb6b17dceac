/**
 * SGD with momentum and weight decay, as PyTorch's (no dampening, no Nesterov): g += decay x w; v = momentum x v + g (the first
 * v is g); w -= lr x v. Whole lists of tensors at a time.
 */
import { CheckpointError } from '../base/errors.ts';
import { noGrad, ops, persist, scope, type Tensor } from '../torch/index.ts';

export interface ParameterGroup {
  /** The state is saved by these names; no name stands in two groups. */
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

  /** Forgets the gradients without applying them. */
  dropGradients(): void {
    for (const { parameters } of this.groups) for (const [, parameter] of parameters) parameter.grad = null;
  }

  /** Velocities by parameter name: what resuming needs. The tensors are the optimiser's own. */
  state(): ReadonlyMap<string, Tensor> {
    return this.#velocity;
  }

  /**
   * Takes copies of saved velocities, each on its parameter's device and in its memory format.
   * @throws CheckpointError when a velocity is of no parameter here, or of another shape.
   */
  load(state: ReadonlyMap<string, Tensor>): void {
    const parameters = new Map(this.groups.flatMap((group) => group.parameters));
    for (const [name, saved] of state) {
      const parameter = parameters.get(name);
      if (!parameter)
        throw new CheckpointError(`the optimiser's state holds a velocity of '${name}', which is no parameter of this network`);
      if (saved.shape.join() !== parameter.shape.join())
        throw new CheckpointError(
          `the velocity of ${name} has the shape [${saved.shape.join(', ')}], the parameter [${parameter.shape.join(', ')}]`,
        );
    }
    noGrad(() => {
      using _ = scope();
      for (const [name, saved] of state) {
        this.#velocity.get(name)?.free();
        this.#velocity.set(name, persist(parameters.get(name)!.detach().clone().copy_(saved)));
      }
    });
  }

  free(): void {
    for (const velocity of this.#velocity.values()) velocity.free();
    this.#velocity.clear();
  }
}

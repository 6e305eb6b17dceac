/**
 * The module tree. A module's children are its properties, so that a parameter's name in the state dict is the path of
 * properties that leads to it: `layer1.0.conv1.weight`, as in the field's checkpoints.
 */
import { CheckpointError } from '../base/errors.ts';
import { shown } from '../base/shown.ts';
import { type Device, type DType, noGrad, persist, scoped, type Tensor } from '../torch/index.ts';

export abstract class Module {
  /** Trained tensors of this module alone, by name. */
  protected readonly ownParameters = new Map<string, Tensor>();
  /** Tensors that are state but are not trained, as batch norm's statistics. */
  protected readonly ownBuffers = new Map<string, Tensor>();

  *namedChildren(): Iterable<[string, Module]> {
    for (const [name, value] of Object.entries(this)) if (value instanceof Module) yield [name, value];
  }

  /** This module and all below it, each with its path (the root's is ''). */
  *namedModules(prefix = ''): Iterable<[string, Module]> {
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) yield* child.namedModules(join(prefix, name));
  }

  *namedParameters(): Iterable<[string, Tensor]> {
    for (const [path, module] of this.namedModules()) for (const [name, tensor] of module.ownParameters) yield [join(path, name), tensor];
  }

  /** Parameters and buffers by name: what a checkpoint holds. The tensors are the module's own, not copies. */
  stateDict(): Map<string, Tensor> {
    const entries = new Map<string, Tensor>();
    for (const [path, module] of this.namedModules())
      for (const own of [module.ownParameters, module.ownBuffers]) for (const [name, tensor] of own) entries.set(join(path, name), tensor);
    return entries;
  }

  /** Number of trained values. */
  parameterCount(): number {
    let count = 0;
    for (const [, parameter] of this.namedParameters()) count += parameter.count;
    return count;
  }

  /** Whether the parameters record gradients; a teacher's do not. */
  trainable(on: boolean): this {
    for (const [, parameter] of this.namedParameters()) parameter.requiresGrad = on;
    return this;
  }

  /** Moves all floating tensors to a dtype, or all tensors to a device; 4-dimensional ones become channels-last, which oneDNN's and cuDNN's convolutions prefer; float64 has neither. */
  to(target: DType | Device): this {
    const onlyFloating = !(target === 'cpu' || target.startsWith('cuda'));
    noGrad(() => {
      for (const [, module] of this.namedModules())
        for (const own of [module.ownParameters, module.ownBuffers])
          for (const [name, tensor] of own) {
            if (onlyFloating && tensor.dtype === 'int64') continue;
            const laidOut = scoped(() => {
              const moved = tensor.detach().to(target);
              return moved.shape.length === 4 ? moved.contiguous(moved.dtype === 'float64' ? 'contiguous' : 'channels_last') : moved;
            });
            laidOut.requiresGrad = tensor.requiresGrad;
            own.set(name, laidOut);
            tensor.free();
          }
    });
    return this;
  }

  /**
   * Copies the values of a checkpoint into this module.
   * @param source where the values come from, for the error.
   * @throws CheckpointError that lists every missing and unexpected key and every shape that differs.
   *   A missing `num_batches_tracked` is no error (SPEC section 2).
   */
  load(values: ReadonlyMap<string, Tensor>, source: string): void {
    const own = this.stateDict();
    const missing = [...own.keys()].filter((key) => !values.has(key) && !key.endsWith('num_batches_tracked'));
    const unexpected = [...values.keys()].filter((key) => !own.has(key));
    const shapes: string[] = [];
    for (const [key, tensor] of own) {
      const value = values.get(key);
      if (value && value.shape.join() !== tensor.shape.join())
        shapes.push(`${key} (file [${value.shape.join(', ')}], network [${tensor.shape.join(', ')}])`);
    }
    const problems = [
      ['missing', missing],
      ['unexpected', unexpected],
      ['of another shape', shapes],
    ] as const;
    const told = problems.filter(([, keys]) => keys.length > 0).map(([what, keys]) => `${keys.length} ${what}: ${listed(keys)}`);
    if (told.length > 0) throw new CheckpointError(`${source} does not fit this network: ${told.join('; ')}`);
    noGrad(() => {
      for (const [key, tensor] of own) {
        const value = values.get(key);
        if (value) tensor.copy_(value);
      }
    });
  }

  /** Takes all parameters and buffers out of the scopes they were made in: they live until `free`. */
  persist(): this {
    for (const tensor of this.stateDict().values()) persist(tensor);
    return this;
  }

  /** Frees all parameters and buffers; the module is of no use afterwards. */
  free(): void {
    for (const tensor of this.stateDict().values()) tensor.free();
  }
}

const join = (prefix: string, name: string): string => (prefix === '' ? name : `${prefix}.${name}`);

/** All keys of any network; of a hostile file's millions the first. */
function listed(keys: readonly string[]): string {
  const most = 1000;
  return keys.slice(0, most).map(shown).join(', ') + (keys.length > most ? ` and ${keys.length - most} more` : '');
}

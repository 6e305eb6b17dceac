/**
 * Lifetime. A `Tensor` is a handle on memory outside JavaScript's heap, which the garbage collector sees too late:
 * `using s = scope()` frees every handle made after it, when the block ends, except those kept.
 */
import { addon } from './binding.ts';

interface Freeable {
  free(): void;
}

/** The handles made since a scope began. Scopes nest strictly. */
export class Scope implements Disposable {
  readonly #outer: Scope | undefined = current;
  #owned: Set<Freeable> | undefined = new Set();

  /** @internal A new handle belongs to the innermost scope. */
  own(handle: Freeable): void {
    this.#owned?.add(handle);
  }

  /**
   * Hands tensors over to the enclosing scope, or to the caller where there is none, and returns them.
   * @throws Error when the scope has ended.
   */
  keep<T extends Freeable>(tensor: T): T;
  keep<T extends readonly Freeable[]>(tensors: T): T;
  keep<T extends Freeable | readonly Freeable[]>(kept: T): T {
    if (!this.#owned) throw new Error('keep() on a scope that has ended');
    for (const handle of Array.isArray(kept) ? (kept as readonly Freeable[]) : [kept as Freeable]) {
      if (this.#owned.delete(handle)) this.#outer?.own(handle);
    }
    return kept;
  }

  /** @internal Forgets a handle in this scope and all around it. */
  disown(handle: Freeable): void {
    this.#owned?.delete(handle);
    this.#outer?.disown(handle);
  }

  [Symbol.dispose](): void {
    if (!this.#owned) return;
    if (current !== this) throw new Error('scopes must end in the reverse order of their beginning: one inside this scope is still open');
    current = this.#outer;
    for (const handle of this.#owned) handle.free();
    this.#owned = undefined;
  }
}

let current: Scope | undefined;

/**
 * Opens a scope: `using s = scope()`.
 * @example
 * using s = scope();
 * const loss = s.keep(mean(square(sub(prediction, target))));   // only `loss` outlives the block
 */
export function scope(): Scope {
  current = new Scope();
  return current;
}

/** Runs `f` in a scope of its own; what it returns is kept. */
export function scoped<T extends Freeable | readonly Freeable[]>(f: () => T): T {
  using s = scope();
  const result = f();
  for (const handle of Array.isArray(result) ? (result as readonly Freeable[]) : [result as Freeable]) s.keep(handle);
  return result;
}

/** Takes a tensor out of every scope: state that outlives the step in which it was made. Its owner frees it. */
export function persist<T extends Freeable>(tensor: T): T {
  current?.disown(tensor);
  return tensor;
}

/** @internal Called by every new handle. */
export function register(handle: Freeable): void {
  current?.own(handle);
}

/** How many tensors are held by handles right now: unchanged by a training step. */
export function liveTensors(): number {
  return addon.liveTensors();
}

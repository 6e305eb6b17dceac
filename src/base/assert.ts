/** A condition that only a mistake of ours can break; never for user input. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`internal error: ${message}`);
}

/** Proves to the compiler that a switch is exhaustive. */
export function unreachable(value: never): never {
  throw new Error(`internal error: unexpected value ${String(value)}`);
}

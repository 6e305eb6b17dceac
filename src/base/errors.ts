/**
 * The errors users meet. Each says what is wrong, where, and what was allowed; the command line prints the message alone
 * and shows a stack only with DSSN_DEBUG=1.
 */
export type ErrorCode = 'config' | 'data' | 'checkpoint' | 'torch' | 'dist';

export abstract class DssnError extends Error {
  abstract readonly code: ErrorCode;
  /** Exit code of a command that ends with this error: 2 for a wrong configuration or usage, else 1. */
  get exitCode(): number {
    return this.code === 'config' ? 2 : 1;
  }
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A wrong configuration, option or usage. */
export class ConfigError extends DssnError {
  readonly code = 'config';
}
/** A list, an image, a label map or a folder that cannot be used. */
export class DataError extends DssnError {
  readonly code = 'data';
}
/** A file of weights that cannot be read or does not fit the network. */
export class CheckpointError extends DssnError {
  readonly code = 'checkpoint';
}
/** An operator refused its arguments, or a tensor was used after it was freed. */
export class TorchError extends DssnError {
  readonly code = 'torch';
}
/** A process group could not be built, or one of its processes is gone. */
export class DistError extends DssnError {
  readonly code = 'dist';
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

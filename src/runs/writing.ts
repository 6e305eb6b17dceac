/** What a disk's refusal means to people. */
import { CheckpointError, DssnError, messageOf } from '../base/errors.ts';

const meanings: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'your share of the disk is used up',
  EFBIG: 'a file may not grow so large here (see ulimit -f)',
  EROFS: 'the disk is read-only',
  EACCES: 'you may not write there',
  EPERM: 'you may not write there',
  ENOTDIR: 'a file stands where a folder should',
  EEXIST: 'a file stands where a folder should',
  EIO: 'the disk fails',
};

function codeOf(thrown: unknown): string | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined && code in meanings) return code;
  }
  return undefined;
}

/**
 * Runs what writes into a run folder.
 * @throws CheckpointError that says what to do, where the system refuses; what else is thrown, as it is
 */
export function writing<T>(folder: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    const where = error instanceof DssnError ? messageOf(error) : `${folder}: cannot be written (${messageOf(error)})`;
    throw new CheckpointError(`${where}: ${meanings[code]}; what the run has saved before is whole: mend that, then go on with --resume`, {
      cause: error,
    });
  }
}

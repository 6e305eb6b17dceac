/** The engine itself: versions, threads, devices, memory. */
import { addon, engine, guarded } from './binding.ts';
import type { Device } from './types.ts';

export interface EngineInfo {
  /** libtorch's version. */
  readonly version: string;
  /** The road it came by: LIBTORCH, wheel or debian. */
  readonly source: string;
  readonly root: string;
  readonly threads: number;
  readonly cudaDevices: number;
  /** Compiler, BLAS and features, as the engine tells them. */
  readonly buildConfig: string;
  readonly parallelInfo: string;
}

export function engineInfo(): EngineInfo {
  return {
    version: addon.version,
    source: engine.source,
    root: engine.root,
    threads: addon.threads(),
    cudaDevices: addon.cudaDevices(),
    buildConfig: addon.buildConfig(),
    parallelInfo: addon.parallelInfo(),
  };
}

/** Threads of one operator. Explicit, since one engine starts with all hyper-threads and another with one. */
export function setThreads(n: number): void {
  guarded(() => addon.setThreads(n));
}

/**
 * Until it is called with false, a second SIGINT or SIGTERM ends the process at once, with 128 + its number, even in the middle of
 * a step, while JavaScript hears of nothing. The first goes where it went before. Call it after listeners are there.
 */
export function endAtSecondSignal(on: boolean): void {
  addon.endAtSecondSignal(on);
}

/** Waits until a GPU has done what was asked of it; nothing on the CPU. */
export function synchronize(device: Device): void {
  if (device !== 'cpu') guarded(() => addon.synchronize(device));
}

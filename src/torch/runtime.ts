/** The engine itself: versions, threads, devices, memory. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
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

/** Physical cores this process may use: two hyper-threads of a core count once. */
export function physicalCores(): number {
  const available = availableParallelism();
  try {
    const cores = new Set<string>();
    let socket = '0';
    for (const line of readFileSync('/proc/cpuinfo', 'utf8').split('\n')) {
      const [key, value] = line.split(':').map((part) => part.trim());
      if (key === 'physical id') socket = value ?? '0';
      if (key === 'core id') cores.add(`${socket}/${value}`);
    }
    return cores.size > 0 ? Math.min(cores.size, available) : available;
  } catch {
    return available;
  }
}

/** Threads of one operator. Explicit, since one engine starts with all hyper-threads and another with one. */
export function setThreads(n: number): void {
  guarded(() => addon.setThreads(n));
}

/** Waits until a GPU has done what was asked of it; nothing on the CPU. */
export function synchronize(device: Device): void {
  if (device !== 'cpu') guarded(() => addon.synchronize(device));
}

/** Returns memory that the allocator holds but nobody uses to the system. */
export function trimMemory(): void {
  addon.trimMemory();
}

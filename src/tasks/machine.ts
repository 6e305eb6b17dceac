/** What the operating system tells of the machine; nothing here needs the engine. */
import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface CpuInfo {
  readonly model: string;
  /** Cores of their own: two hyper-threads of a core count once. */
  readonly physicalCores: number;
  readonly logicalCores: number;
  /** Instruction sets that matter to the engine, of those in `wantedFeatures`. */
  readonly features: readonly string[];
}

/** Instruction sets that make a difference to the engine's speed: x86 first, then Arm. */
export const wantedFeatures = ['avx2', 'fma', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_tile', 'amx_bf16', 'asimd', 'bf16', 'sve'];

/** Reads the text of /proc/cpuinfo. Arm names no cores: there each processor counts. */
export function parseCpuInfo(text: string): CpuInfo {
  const processors = text
    .split(/\n\s*\n/)
    .filter((block) => /^processor\s*:/m.test(block))
    .map((block) => new Map(block.split('\n').map((line) => line.split(':').map((part) => part.trim()) as [string, string])));
  const first = processors[0] ?? new Map<string, string>();
  const cores = new Set(processors.map((processor, index) => `${processor.get('physical id') ?? 0}/${processor.get('core id') ?? index}`));
  const flags = new Set((first.get('flags') ?? first.get('Features') ?? '').split(' '));
  return {
    model: first.get('model name') ?? first.get('CPU part') ?? 'unknown',
    physicalCores: Math.max(1, cores.size),
    logicalCores: Math.max(1, processors.length),
    features: wantedFeatures.filter((feature) => flags.has(feature)),
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The CPU as this process may use it: a container's limit counts. */
export function cpuInfo(): CpuInfo {
  const info = parseCpuInfo(textOf('/proc/cpuinfo'));
  const usable = os.availableParallelism();
  return { ...info, physicalCores: Math.min(info.physicalCores, usable), logicalCores: Math.min(info.logicalCores, usable) };
}

/** Models of the NVIDIA GPUs that the driver shows. */
export function gpuModels(): string[] {
  const folder = '/proc/driver/nvidia/gpus';
  try {
    return readdirSync(folder).map(
      (bus) => /^Model:\s*(.+)$/m.exec(textOf(path.join(folder, bus, 'information')))?.[1]?.trim() ?? `GPU at ${bus}`,
    );
  } catch {
    return [];
  }
}

/** The memory allocator of this process. */
export function allocator(): 'tcmalloc' | 'jemalloc' | 'system malloc' {
  const maps = textOf('/proc/self/maps');
  if (maps.includes('libtcmalloc')) return 'tcmalloc';
  return maps.includes('libjemalloc') ? 'jemalloc' : 'system malloc';
}

/** Whether a library whose name begins so is loaded into this process. */
export function isLoaded(library: string): boolean {
  return textOf('/proc/self/maps').includes(`/${library}`);
}

/** Total memory and what is free of it, in GB of 2^30 bytes; a container's limit counts. */
export function memoryInfo(): { total: number; available: number } {
  const gigabytes = (bytes: number): number => Math.round((10 * bytes) / 2 ** 30) / 10;
  const available = Number(/^MemAvailable:\s*(\d+) kB/m.exec(textOf('/proc/meminfo'))?.[1] ?? os.freemem() / 1024) * 1024;
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return { total: gigabytes(Math.min(os.totalmem(), limit)), available: gigabytes(Math.min(available, limit)) };
}

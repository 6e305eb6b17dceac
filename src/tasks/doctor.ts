/** What was found on this machine, what is missing, and what would be faster. Never throws for want of an engine. */
import { messageOf } from '../base/errors.ts';
import { allocator, type CpuInfo, cpuInfo, gpuModels, isLoaded, memoryInfo } from './machine.ts';
import type { DoctorResult, EngineReport, Finding } from './types.ts';
import { VERSION } from './version.ts';

/** The part of set-up (`setup/engine.mjs`, `setup/runtime.mjs`) that is used here. */
interface Libtorch {
  readonly source: string;
  readonly root: string;
  readonly version: string;
  readonly cuda: boolean;
}
interface Setup {
  installedEngines(): Libtorch[];
  fasterEngine(used: Libtorch): { text: string; how: string } | undefined;
  waysToSupply(): string;
  findAllocator(): string | undefined;
}

/** Less free memory than this is too little for a small network at a small crop, in GB. */
const LITTLE_MEMORY_GB = 3;

async function loadSetup(): Promise<Setup> {
  const load = async (name: string): Promise<object> => (await import(new URL(`../../setup/${name}.mjs`, import.meta.url).href)) as object;
  return { ...(await load('engine')), ...(await load('runtime')) } as Setup;
}

/** MKL or OpenBLAS with oneDNN, from the engine's own description and from what is loaded. */
export function blasOf(buildConfig: string, openBlas: boolean): string {
  const mkl = /Math Kernel Library Version (\S+?)(-Product)? /.exec(buildConfig)?.[1];
  const named = /BLAS_INFO=(\w+)/.exec(buildConfig)?.[1];
  const blas = mkl && named !== 'generic' ? `MKL ${mkl}` : openBlas ? 'OpenBLAS' : 'reference BLAS';
  const oneDnn = /MKL-DNN v([\d.]+)/.exec(buildConfig)?.[1];
  const capability = /CPU capability usage: (\S+)/.exec(buildConfig)?.[1];
  return [blas, oneDnn ? `oneDNN ${oneDnn}` : '', capability ? `code for ${capability}` : ''].filter((part) => part !== '').join(', ');
}

/** Loads the engine as a run with `threads: auto` would; the reason as a text if it does not load. */
async function examineEngine(cpu: CpuInfo): Promise<EngineReport | string> {
  try {
    const torch = await import('../torch/index.ts');
    torch.setThreads(cpu.physicalCores);
    const info = torch.engineInfo();
    return {
      version: info.version,
      source: info.source,
      folder: info.root,
      threads: info.threads,
      blas: blasOf(info.buildConfig, isLoaded('libopenblas')),
      cuda: info.cudaDevices > 0,
    };
  } catch (error) {
    return messageOf(error);
  }
}

function engineFindings(engine: EngineReport, setup: Setup, cpu: CpuInfo, gpus: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  const slow = (text: string, cure: string): void => void findings.push({ level: 'slow', text, cure });
  const found = setup.installedEngines().find((candidate) => candidate.root === engine.folder);
  const faster = setup.fasterEngine(found ?? { source: engine.source, root: engine.folder, version: engine.version, cuda: engine.cuda });
  if (faster) slow(faster.text, faster.how);
  if (engine.blas.startsWith('reference'))
    slow('the reference BLAS is in use, several times slower than OpenBLAS', 'sudo apt-get install libopenblas0-pthread');
  if (engine.threads < cpu.physicalCores)
    slow(`the engine computes with ${engine.threads} of ${cpu.physicalCores} cores`, 'unset OMP_NUM_THREADS, or --set threads=N');
  if (gpus.length > 0 && !engine.cuda)
    slow(
      'there is a GPU, and this engine cannot use it',
      'LIBTORCH=/path/to/a/libtorch/with/CUDA npm run setup   (the torch folder of a Python install will do)',
    );
  const bf16 = cpu.features.filter((feature) => ['avx512_bf16', 'amx_bf16'].includes(feature));
  if (bf16.length > 0)
    findings.push({
      level: 'note',
      text: `this CPU multiplies in bfloat16 (${bf16.join(', ')}): training takes about 0.6 of the time in it`,
      cure: '--set train.precision=bf16',
    });
  return findings;
}

function memoryFindings(setup: Setup, available: number): Finding[] {
  const findings: Finding[] = [];
  if (allocator() === 'system malloc') {
    const there = setup.findAllocator();
    findings.push({
      level: 'slow',
      text: 'tcmalloc is not in use; it saves up to 15 % of the memory and the time of a training step',
      cure: there ? 'start the program as `dssn`, without DSSN_MALLOC=system and LD_PRELOAD' : 'sudo apt-get install libtcmalloc-minimal4',
    });
  }
  if (available < LITTLE_MEMORY_GB)
    findings.push({
      level: 'note',
      text: `only ${available.toFixed(1)} GB of memory are free; resnet18 at crop 129 wants about 2`,
      cure: 'a smaller data.crop_size or train.batch_size',
    });
  return findings;
}

/** Examines this machine. */
export async function doctor(): Promise<DoctorResult> {
  const setup = await loadSetup();
  const cpu = cpuInfo();
  const gpus = gpuModels();
  const memory = memoryInfo();
  const engine = await examineEngine(cpu);
  const missing: Finding[] =
    typeof engine === 'string'
      ? [{ level: 'missing', text: engine, cure: setup.installedEngines().length > 0 ? 'npm run setup' : setup.waysToSupply() }]
      : engineFindings(engine, setup, cpu, gpus);
  return {
    ok: typeof engine !== 'string',
    dssn: VERSION,
    node: process.versions.node,
    ...(typeof engine !== 'string' && { engine }),
    cpu: { model: cpu.model, physical_cores: cpu.physicalCores, logical_cores: cpu.logicalCores, features: cpu.features },
    gpus,
    memory: { total_gb: memory.total, available_gb: memory.available, allocator: allocator() },
    findings: [...missing, ...memoryFindings(setup, memory.available)],
  };
}

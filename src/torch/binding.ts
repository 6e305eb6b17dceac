/**
 * The addon: the only file that loads it. Everything else of `src/torch` reaches the engine through the functions here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, messageOf, TorchError } from '../base/errors.ts';

/** The native class below `Tensor`: one reference to one tensor of the engine. */
export interface NativeHandle {
  sizes(): number[];
  strides(): number[];
  dtypeName(): string;
  deviceName(): string;
  free(): void;
  isFreed(): boolean;
  madeBy(): string;
  getRequiresGrad(): boolean;
  setRequiresGrad(on: boolean): void;
  isLeaf(): boolean;
  getGrad(): unknown;
  setGrad(gradient: unknown): void;
  isContiguous(format?: string): boolean;
}

export interface Addon {
  readonly TensorHandle: new () => NativeHandle;
  readonly version: string;
  setTensorClass(cls: unknown): void;
  liveTensors(): number;
  operator(name: string, overload: string): (...args: unknown[]) => unknown;
  schema(name: string, overload: string): string;
  fromTyped(array: unknown, shape: readonly number[], share: boolean): unknown;
  fromBytes(bytes: Uint8Array, dtype: string, shape: readonly number[]): unknown;
  toTyped(tensor: unknown): unknown;
  toBytes(tensor: unknown): Uint8Array<ArrayBuffer>;
  item(tensor: unknown): number;
  backward(tensor: unknown, gradient?: unknown): void;
  gradEnabled(): boolean;
  setGradEnabled(on: boolean): void;
  enterAutocast(device: string, dtype: string): void;
  exitAutocast(device: string): void;
  dilatedConv3x3(input: unknown, weight: unknown, dilation: number): unknown;
  setThreads(n: number): void;
  threads(): number;
  endAtSecondSignal(on: boolean): void;
  manualSeed(seed: number): void;
  parallelInfo(): string;
  buildConfig(): string;
  cudaDevices(): number;
  synchronize(device: string): void;
}

/** What set-up wrote down of one engine that it built the addon for. */
export interface EngineRecord {
  readonly root: string;
  readonly version: string;
  readonly source: string;
  readonly addon: string;
}

const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const engineFile = join(projectRoot, 'native', 'build', 'engine.json');

function isEngines(value: unknown): value is { active: string; engines: Record<string, EngineRecord> } {
  return typeof value === 'object' && value !== null && 'active' in value && 'engines' in value;
}

/** The engine to load: the one named by DSSN_ENGINE, else the one that set-up chose. */
export function chooseEngine(): EngineRecord {
  const remedy = 'run `npm run setup`, and `npx dssn doctor` to see what is missing';
  if (!existsSync(engineFile)) throw new ConfigError(`the engine is not built yet: ${remedy}`);
  const parsed: unknown = JSON.parse(readFileSync(engineFile, 'utf8'));
  if (!isEngines(parsed)) throw new ConfigError(`${engineFile} is not an engine record: ${remedy}`);
  const road = process.env.DSSN_ENGINE?.toLowerCase();
  const engine = road
    ? Object.values(parsed.engines).find((candidate) => candidate.source.toLowerCase() === road)
    : parsed.engines[parsed.active];
  if (!engine) {
    const built = Object.values(parsed.engines).map((candidate) => candidate.source);
    throw new ConfigError(`no engine '${road ?? parsed.active}' is built (built: ${built.join(', ') || 'none'}): ${remedy}`);
  }
  return engine;
}

export const engine: EngineRecord = chooseEngine();

function load(): Addon {
  try {
    return createRequire(import.meta.url)(engine.addon) as Addon;
  } catch (error) {
    throw new ConfigError(`the addon for ${engine.source} ${engine.version} does not load (${messageOf(error)}): run \`npm run setup\``, {
      cause: error,
    });
  }
}

export const addon: Addon = load();

/** Calls into the addon; whatever it throws becomes a TorchError. */
export function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw error instanceof TorchError ? error : new TorchError(messageOf(error), { cause: error });
  }
}

/** An operator as a function of the arguments of its schema, looked up at its first call. */
export function operator(name: string, overload: string): (...args: unknown[]) => unknown {
  let native: ((...args: unknown[]) => unknown) | undefined;
  return (...args) => {
    try {
      native ??= addon.operator(name, overload);
      return native(...args);
    } catch (error) {
      throw new TorchError(messageOf(error), { cause: error });
    }
  };
}

/**
 * What each task takes and gives: the library's public types, and the contract between the command line and the tasks.
 * A result is a plain object; the command line prints it as text, or as JSON with `--json` (names as in the JSON then).
 */
import type { runSortKeys } from '../config/names.ts';
import type { Config } from '../config/schema.ts';
import type { Scores } from '../runs/events.ts';
import type { SeedStatistics } from '../runs/seeds.ts';
import type { LastAndBest, RunSummary } from '../runs/summary.ts';

export type { LastAndBest, Scores };

/** One state of a piece of work. All but `iteration` may be left out; what is left out is not shown. */
export interface Progress {
  /** Units done so far (iterations, images), of the total given to `start`. */
  readonly iteration: number;
  /** Epoch, from 0. */
  readonly epoch?: number;
  /** Losses by name; `loss` is the total. */
  readonly losses?: Readonly<Record<string, number>>;
  readonly lr?: number;
  /** Share of the unlabelled pixels whose pseudo-label counts, 0 to 1. */
  readonly kept?: number;
  readonly iterationsPerSecond?: number;
  readonly imagesPerSecond?: number;
}

/** What the column of a table holds; numbers are set to the right. */
export type Cell = string | number;

/** Where a task tells how it is getting on. It never throws, and costs nothing worth measuring. */
export interface Reporter {
  /** Begins a piece of work of `total` units (`iteration` unless named otherwise), `done` of which an earlier process did. */
  start(total: number, label: string, options?: { readonly unit?: string; readonly done?: number }): void;
  update(progress: Progress): void;
  /** Ends the piece of work begun last; `text` is its outcome. */
  end(text?: string): void;
  note(text: string): void;
  warning(text: string): void;
  /** Numbers are printed with two decimals unless they are integers. */
  table(head: readonly string[], rows: readonly (readonly Cell[])[]): void;
}

/** Options of every task. */
export interface TaskOptions {
  readonly reporter: Reporter;
  /** Aborted at SIGINT or SIGTERM: the task finishes its step, writes what must not be lost, and returns. */
  readonly signal?: AbortSignal;
}

export interface TrainOptions extends TaskOptions {
  readonly config: Config;
  /** The run folder to write. */
  readonly out: string;
  /** Go on from the folder's checkpoint, if it holds one. */
  readonly resume: boolean;
  /** With `resume`: keys, or sections, of the configuration that may differ from the run's. */
  readonly allowConfigChange?: readonly string[];
  /** The command as typed, for the manifest. */
  readonly command: readonly string[];
}

export interface TrainResult {
  readonly status: 'finished' | 'already-finished' | 'interrupted';
  readonly run: string;
  readonly method: string;
  /** Iterations done, and of how many. */
  readonly iterations: number;
  readonly of: number;
  /** mIoU of the last and the best evaluation; left out before the first one, teacher's where there is none. */
  readonly student?: LastAndBest;
  readonly teacher?: LastAndBest;
}

export interface TrainSeedsOptions extends TrainOptions {
  /** How many: the configuration's seed, and those after it. `out` holds a run `seed-S` for each. */
  readonly seeds: number;
}

/** Names as in the JSON. `n`, `seeds`, `mean` and `std` over all of them are left out where the training was interrupted. */
export interface TrainSeedsResult extends Partial<SeedStatistics> {
  readonly status: 'finished' | 'interrupted';
  readonly out: string;
  readonly method: string;
  /** As far as they were begun, in the order of their seeds; of those that were finished before, too, what they came to. */
  readonly runs: readonly (TrainResult & { readonly seed: number })[];
}

export interface RunsOptions {
  /** Run folders, and folders that hold some at any depth. */
  readonly folders: readonly string[];
  /** `name` by default. */
  readonly sort?: RunSortKey;
}

export type RunSortKey = (typeof runSortKeys)[number];

export interface ComparedRun extends RunSummary {
  /** Its way from the one folder given, else the folder as typed. */
  readonly name: string;
}

/** Runs that differ in their seed alone. Finished ones count, each seed once. */
export interface SeedGroup extends SeedStatistics {
  /** Names of those that count, and of the others. */
  readonly runs: readonly string[];
  readonly left_out: readonly string[];
}

/** Names as in the JSON. */
export interface RunsResult {
  readonly runs: readonly ComparedRun[];
  readonly groups: readonly SeedGroup[];
  /** Keys of the configuration that have not one value in all runs that can be read; settings of the machine do not count. */
  readonly differing: readonly {
    readonly key: string;
    readonly values: readonly { readonly value: unknown; readonly runs: readonly string[] }[];
  }[];
}

/** `--weights`: one of a run's four, or a file. */
export type WeightsChoice = 'teacher-best' | 'best' | 'teacher-latest' | 'latest' | (string & {});

interface EvaluateSettings extends TaskOptions {
  readonly tta: boolean;
  /** What of an image the network sees (SPEC section 7); by default as in training. */
  readonly mode?: EvaluateResult['mode'];
  /** Another root than the run's. */
  readonly data?: string;
  /** Another list than the validation list of the dataset. */
  readonly list?: string;
  /** `auto` by default: the first GPU if there is one, else the CPU. */
  readonly device?: string;
}

interface OfRun {
  readonly run: string;
  /** Default: teacher-best, else best. */
  readonly weights?: WeightsChoice;
}

interface OfCheckpoint {
  /** A .pth or .safetensors file of a whole network's weights. */
  readonly checkpoint: string;
  /** Tells the data, their classes, and how images are seen; what it says of the network must be so in the file. */
  readonly config: Config;
}

export type EvaluateOptions = EvaluateSettings & (OfRun | OfCheckpoint);

export interface EvaluateResult extends Required<Scores> {
  readonly images: number;
  /** How it was evaluated. */
  readonly mode: 'original' | 'center_crop' | 'sliding_window';
  readonly tta: boolean;
  /** The weights that were evaluated: a file. */
  readonly weights: string;
}

export interface PredictOptions extends TaskOptions {
  /** Exactly one of `run` and `checkpoint` is given. */
  readonly run?: string;
  readonly checkpoint?: string;
  /** With `checkpoint`: classes, palette and mode, which a .pth file does not hold. */
  readonly config?: Config;
  readonly weights?: WeightsChoice;
  readonly out: string;
  /** Images, and folders whose images are all taken. */
  readonly inputs: readonly string[];
  readonly tta: boolean;
  /** `auto` by default: the first GPU if there is one, else the CPU. */
  readonly device?: string;
}

/** One image's files: the label map as a PNG of class indices with the palette, and the colours over the image. */
export interface Prediction {
  readonly image: string;
  readonly mask: string;
  readonly overlay: string;
}

export interface PredictResult {
  readonly predictions: readonly Prediction[];
}

export interface ConvertOptions {
  /** A .pth or .safetensors file. */
  readonly input: string;
  /** The file to write, in the format of its ending. */
  readonly output: string;
  /** Replace an output that is there. */
  readonly force: boolean;
}

/** Names as in the JSON. */
export interface ConvertResult {
  readonly input: string;
  readonly output: string;
  readonly format: 'pth' | 'safetensors';
  /** The entry of the checkpoint that was taken; null where the file is the state dict itself. */
  readonly entry: string | null;
  readonly tensors: number;
  /** What the input holds beside them: numbers with their value, all else null. */
  readonly left_out: Readonly<Record<string, number | null>>;
}

export interface InitOptions extends TaskOptions {
  /** Images and label maps, or images alone. Nothing is written into it. */
  readonly folder: string;
  /** Another folder, of label maps alone. */
  readonly masks?: string;
  /** The configuration to write; its lists go into a folder beside it. */
  readonly out: string;
  /** Validation images: a number of them, or a share below 1. By default a fifth, and more where classes would be missing. */
  readonly val?: number;
  /** Seed of the validation list, and of the training. */
  readonly seed: number;
  /** Stored labels that count for nothing: numbers, or colours as `#rrggbb` or `r,g,b`. */
  readonly ignore: readonly string[];
  /** Replace what is there. */
  readonly force: boolean;
}

/** Names as in the JSON. */
export interface InitResult {
  readonly config: string;
  /** The folder of the lists. */
  readonly lists: string;
  readonly root: string;
  readonly labelled: number;
  readonly unlabelled: number;
  readonly val: number;
  /** What label maps hold. */
  readonly stored: 'numbers' | 'colours';
  readonly classes: readonly string[];
  /** Stored labels that are ignored: numbers, or colours as '[r, g, b]'. */
  readonly ignored: readonly string[];
  /** The settings of the configuration that were chosen for these images and this machine. */
  readonly settings: Readonly<Record<string, string | number | null>>;
  readonly warnings: readonly string[];
}

export interface QuickstartOptions extends TaskOptions {
  /** Holds the runs `supervised` and `dssn`, the drawn images, the pictures and report.html. */
  readonly out: string;
  /** Seed of the drawn images and of both runs. */
  readonly seed: number;
  readonly command: readonly string[];
}

export interface QuickstartResult {
  readonly status: 'finished' | 'interrupted';
  readonly out: string;
  readonly report: string;
  readonly supervised?: Scores;
  readonly dssn?: Scores;
  readonly seconds: number;
}

export interface BenchStepOptions extends TaskOptions {
  readonly method: Config['method'];
  readonly backbone: Config['model']['backbone'];
  readonly nclass: number;
  readonly crop: number;
  /** Labelled images a step, and as many unlabelled ones. */
  readonly batch: number;
  /** `auto`: one a physical core. */
  readonly threads: number | 'auto';
  readonly bf16: boolean;
  readonly iters: number;
  readonly device: string;
  /** `key=value` overrides of the configuration that the options above make: model, train, select, loss. */
  readonly set: readonly string[];
}

/** Names as in the JSON. Seconds, MB of 10^6 bytes. */
export interface BenchStepResult {
  readonly engine: string;
  readonly device: string;
  readonly threads: number;
  /** Median and least time of a step. */
  readonly step_s: number;
  readonly min_s: number;
  readonly iters: number;
  readonly peak_rss_mb: number;
  /** Growth of resident memory and of live tensors from the end of the warm-up to the end of the bench. */
  readonly rss_growth_mb: number;
  readonly live_tensors_growth: number;
}

export interface BenchLoaderOptions extends TaskOptions {
  readonly root: string;
  readonly list: string;
  readonly crop: number;
  readonly workers: number;
  readonly seconds: number;
}

/** Names as in the JSON. A sample is one unlabelled image with its weak view, two strong views and two boxes. */
export interface BenchLoaderResult {
  readonly samples_per_s: number;
  readonly samples: number;
  readonly seconds: number;
  readonly workers: number;
  readonly crop: number;
}

/** The engine in use. */
export interface EngineReport {
  /** libtorch's version, the road it came by (wheel, debian, LIBTORCH) and its folder. */
  readonly version: string;
  readonly source: string;
  readonly folder: string;
  readonly threads: number;
  readonly blas: string;
  readonly cuda: boolean;
}

/** Something that `dssn doctor` has to say: `missing` stops work, `slow` costs time. */
export interface Finding {
  readonly level: 'missing' | 'slow' | 'note';
  readonly text: string;
  /** How to mend it; a command where there is one. */
  readonly cure?: string;
}

export interface DoctorResult {
  /** Whether the engine loads. */
  readonly ok: boolean;
  readonly dssn: string;
  readonly node: string;
  readonly engine?: EngineReport;
  readonly cpu: {
    readonly model: string;
    readonly physical_cores: number;
    readonly logical_cores: number;
    readonly features: readonly string[];
  };
  readonly gpus: readonly string[];
  /** GB of 2^30 bytes. */
  readonly memory: { readonly total_gb: number; readonly available_gb: number; readonly allocator: string };
  readonly findings: readonly Finding[];
}

/**
 * One training iteration (SPEC section 6): forward and losses by the method, backward, one SGD step, EMA. Holds the student,
 * the teacher and the optimiser.
 */
import { invariant } from '../base/assert.ts';
import { random } from '../base/random.ts';
import type { Method, StepResult, Views } from '../methods/index.ts';
import { type BatchNormRule, DeepLabV3Plus, type FeatureDrop, type ModelOptions } from '../models/index.ts';
import { Ema, emaKeep, polyRate, Sgd } from '../optim/index.ts';
import { autocast, type Device, ops, persist, type Synchronous, scope, scoped, type Tensor, tensor } from '../torch/index.ts';
import { dropoutMasks } from './masks.ts';

export interface StepSettings {
  readonly seed: number;
  readonly device: Device;
  readonly model: ModelOptions;
  /** Iterations of the whole run: the length of the schedule. */
  readonly iterations: number;
  readonly warmupIterations: number;
  /** The method of the first iterations, where it is another. */
  readonly burnIn?: { readonly method: Method; readonly iterations: number };
  readonly train: {
    readonly lr: number;
    readonly lr_multi: number;
    readonly momentum: number;
    readonly weight_decay: number;
    readonly power: number;
    readonly ema: number;
    readonly ema_warmup: boolean;
    readonly precision: 'fp32' | 'bf16';
    readonly batch_norm: BatchNormRule;
  };
}

export interface StepValues {
  /** Losses and shares by name, `loss` the total. */
  readonly values: Readonly<Record<string, number>>;
  readonly lr: number;
  /** Why nothing was learnt: what was not finite. Weights, optimiser, teacher and batch norm's statistics are as before then. */
  readonly skipped?: string;
}

/** Share of channels that feature perturbation drops. */
const dropRate = 0.5;

/** A network's forward pass: under autocast in bf16. */
export function inPrecision<T>(precision: 'fp32' | 'bf16', device: Device, forward: () => Synchronous<T>): T {
  return precision === 'fp32' ? forward() : autocast(device, 'bfloat16', forward);
}

/** A network's batch norm statistics, to take back what a forward pass has added to them. All of them in one copy: it is taken every step. */
class Statistics {
  readonly #floating: readonly Tensor[];
  readonly #counts: readonly Tensor[];

  constructor(network: DeepLabV3Plus) {
    const parameters = new Set([...network.namedParameters()].map(([name]) => name));
    const buffers = [...network.stateDict()].filter(([name]) => !parameters.has(name)).map(([, tensor]) => tensor);
    this.#floating = buffers.filter(({ dtype }) => dtype !== 'int64');
    this.#counts = buffers.filter(({ dtype }) => dtype === 'int64');
  }

  /** Outlives the scope it is made in. */
  copy(): readonly Tensor[] {
    return [this.#floating, this.#counts].map((tensors) => persist(scoped(() => ops.cat(tensors.map((tensor) => tensor.flatten())))));
  }

  restore(copy: readonly Tensor[]): void {
    for (const [index, tensors] of [this.#floating, this.#counts].entries()) {
      let place = 0;
      for (const tensor of tensors) {
        tensor.flatten().copy_(copy[index]!.narrow(0, place, tensor.count));
        place += tensor.count;
      }
    }
  }
}

/** A step in the making. */
interface OpenStep {
  readonly method: Method;
  readonly iteration: number;
  readonly batches: number;
  readonly warmup: boolean;
  readonly lr: number;
  /** Batch norm's statistics before it. */
  readonly before: readonly Tensor[];
  added: number;
  readonly values: Record<string, number>;
  /** What was not finite. */
  bad: string | undefined;
}

export class Stepper {
  readonly student: DeepLabV3Plus;
  readonly teacher: DeepLabV3Plus;
  readonly #optimiser: Sgd;
  readonly #ema: Ema;
  readonly #backboneGroup;
  readonly #restGroup;
  readonly #statistics: Statistics;
  #open: OpenStep | undefined;

  constructor(
    readonly method: Method,
    readonly settings: StepSettings,
  ) {
    const { model, seed, device, train } = settings;
    this.student = new DeepLabV3Plus(model).initialise(seed).to(device).trainable(true);
    this.teacher = new DeepLabV3Plus(model).to(device);
    this.copyToTeacher();
    const parameters = [...this.student.namedParameters()];
    this.#backboneGroup = { parameters: parameters.filter(([name]) => DeepLabV3Plus.isBackbone(name)), learningRate: train.lr };
    this.#restGroup = {
      parameters: parameters.filter(([name]) => !DeepLabV3Plus.isBackbone(name)),
      learningRate: train.lr * train.lr_multi,
    };
    this.#optimiser = new Sgd([this.#backboneGroup, this.#restGroup], { momentum: train.momentum, weightDecay: train.weight_decay });
    this.#ema = new Ema(this.student, this.teacher);
    this.#statistics = new Statistics(this.student);
  }

  /** Makes the teacher a copy of the student: at the start, and after weights were loaded from a file. */
  copyToTeacher(): void {
    this.teacher.load(this.student.stateDict(), 'the student');
  }

  /** The optimiser's velocities by parameter name. */
  optimiserState(): ReadonlyMap<string, Tensor> {
    return this.#optimiser.state();
  }

  loadOptimiser(state: ReadonlyMap<string, Tensor>): void {
    this.#optimiser.load(state);
  }

  readonly precision = <T>(forward: () => Synchronous<T>): T => inPrecision(this.settings.train.precision, this.settings.device, forward);

  /** Channel masks: each image's a stream of its own, named by its place in the batch. */
  #drop(batch: number, n: number, images: number): FeatureDrop {
    const mask = (channels: number, part: string): Tensor => {
      const values = new Float32Array(images * channels);
      for (let i = 0; i < images; i++) {
        const stream = random(this.settings.seed, 'feature dropout', batch, n, part, i);
        for (let c = 0; c < channels; c++) values[i * channels + c] = stream.chance(dropRate) ? 0 : 1 / (1 - dropRate);
      }
      return tensor(values, [images, channels, 1, 1]).to(this.settings.device);
    };
    return { low: mask(this.student.backbone.lowChannels, 'low'), high: mask(this.student.backbone.highChannels, 'high') };
  }

  /**
   * Learns from one iteration's views.
   * @param iteration from 0.
   * @param inspect sees the result before its tensors are freed.
   * @returns with `skipped` where the loss or a gradient is not finite: the step was not taken then.
   */
  step(views: Views, iteration: number, inspect?: (result: StepResult) => void): StepValues {
    this.begin(iteration);
    this.add(views, inspect);
    return this.finish();
  }

  /** Begins a step whose gradient is the mean over so many batches: `add` each of them, then `finish`. */
  begin(iteration: number, batches = 1): void {
    invariant(this.#open === undefined, 'begin() before finish()');
    const { train, iterations, warmupIterations, burnIn } = this.settings;
    const method = burnIn && iteration < burnIn.iterations ? burnIn.method : this.method;
    const lr = polyRate(train.lr, iteration, iterations, train.power, method.rateLag);
    this.#backboneGroup.learningRate = lr;
    this.#restGroup.learningRate = lr * train.lr_multi;
    const before = this.#statistics.copy();
    this.#open = { method, iteration, batches, warmup: iteration < warmupIterations, lr, before, added: 0, values: {}, bad: undefined };
  }

  /** Adds a batch's share to the gradients; does nothing after one whose loss was not finite. */
  add(views: Views, inspect?: (result: StepResult) => void): void {
    using _ = scope();
    const open = this.#open;
    invariant(open !== undefined && open.added < open.batches, 'add() between begin() and finish(), as often as begin() was told');
    // The batch's number from the start of the run is the key of what is random in it.
    const number = open.iteration * open.batches + open.added++;
    if (open.bad !== undefined) return;
    const { student, teacher, precision } = this;
    const { seed, device, train } = this.settings;
    const result = open.method.step(views, {
      student,
      teacher,
      warmup: open.warmup,
      precision,
      batchNorm: train.batch_norm,
      learn: (part) => {
        (open.batches === 1 ? part : part.div(open.batches)).backward();
        return part.detach();
      },
      drop: (n, images) => this.#drop(number, n, images),
      dropout: (pass) => dropoutMasks(seed, number, pass, device),
    });
    const names = ['loss', ...result.terms.keys()];
    const scalars = ops.stack([result.loss, ...result.terms.values()].map((term) => term.detach().to('float32')));
    for (const [i, value] of [...(scalars.toTyped() as Float32Array)].entries())
      open.values[names[i]!] = (open.values[names[i]!] ?? 0) + value / open.batches;
    if (!Number.isFinite(open.values.loss)) {
      const bad = names.filter((name) => !Number.isFinite(open.values[name]));
      open.bad = bad.map((name) => `${name} is ${open.values[name]}`).join(', ');
      return;
    }
    inspect?.(result);
  }

  /** Takes the step, if all was finite. Values are means over the batches. */
  finish(): StepValues {
    using _ = scope();
    const open = this.#open;
    invariant(open !== undefined && open.added === open.batches, 'finish() after as many add() as begin() was told');
    const { values, lr, iteration, warmup } = open;
    const { ema, ema_warmup } = this.settings.train;
    const badGradient = open.bad === undefined ? this.#badGradient() : undefined;
    const skipped = open.bad ?? (badGradient && `the gradient of ${badGradient} is not finite`);
    if (skipped === undefined) {
      this.#optimiser.step();
      this.#ema.update(warmup ? 0 : emaKeep(ema, iteration, ema_warmup));
      this.#close();
    } else this.abandon();
    return { values, lr, ...(skipped !== undefined && { skipped }) };
  }

  /** Leaves a step that was begun, if one is, as if it had never been. */
  abandon(): void {
    if (!this.#open) return;
    this.#optimiser.dropGradients();
    this.#statistics.restore(this.#open.before);
    this.#close();
  }

  #close(): void {
    for (const tensor of this.#open?.before ?? []) tensor.free();
    this.#open = undefined;
  }

  /** The first parameter whose gradient is not finite. */
  #badGradient(): string | undefined {
    const parameters = [...this.#backboneGroup.parameters, ...this.#restGroup.parameters];
    const named = parameters.flatMap(([name, parameter]) => {
      const gradient = parameter.grad;
      return gradient ? [{ name, gradient }] : [];
    });
    const norms = ops.stack(ops.foreachNorm(named.map(({ gradient }) => gradient))).toTyped() as Float32Array;
    const bad = norms.findIndex((norm) => !Number.isFinite(norm));
    return named[bad]?.name;
  }

  free(): void {
    this.#close();
    this.student.free();
    this.teacher.free();
    this.#optimiser.free();
  }
}

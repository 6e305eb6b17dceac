/**
 * One training iteration (SPEC section 6): forward and losses by the method, backward, one SGD step, EMA. Holds the student,
 * the teacher and the optimiser.
 */
import { TorchError } from '../base/errors.ts';
import { random } from '../base/random.ts';
import type { Method, StepResult, Views } from '../methods/index.ts';
import { type BatchNormRule, DeepLabV3Plus, type FeatureDrop, type ModelOptions } from '../models/index.ts';
import { Ema, emaKeep, polyRate, Sgd } from '../optim/index.ts';
import { autocast, type Device, ops, type Synchronous, scope, type Tensor, tensor } from '../torch/index.ts';
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
}

/** Share of channels that feature perturbation drops. */
const dropRate = 0.5;

/** A network's forward pass: under autocast in bf16. */
export function inPrecision<T>(precision: 'fp32' | 'bf16', device: Device, forward: () => Synchronous<T>): T {
  return precision === 'fp32' ? forward() : autocast(device, 'bfloat16', forward);
}

export class Stepper {
  readonly student: DeepLabV3Plus;
  readonly teacher: DeepLabV3Plus;
  readonly #optimiser: Sgd;
  readonly #ema: Ema;
  readonly #backboneGroup;
  readonly #restGroup;

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
  #drop(iteration: number, n: number, images: number): FeatureDrop {
    const mask = (channels: number, part: string): Tensor => {
      const values = new Float32Array(images * channels);
      for (let i = 0; i < images; i++) {
        const stream = random(this.settings.seed, 'feature dropout', iteration, n, part, i);
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
   * @throws TorchError when the loss is not finite; nothing was changed then but batch norm's statistics of the student.
   */
  step(views: Views, iteration: number, inspect?: (result: StepResult) => void): StepValues {
    using _ = scope();
    const { seed, device, train, iterations, warmupIterations, burnIn } = this.settings;
    const method = burnIn && iteration < burnIn.iterations ? burnIn.method : this.method;
    const warmup = iteration < warmupIterations;
    const lr = polyRate(train.lr, iteration, iterations, train.power, method.rateLag);
    this.#backboneGroup.learningRate = lr;
    this.#restGroup.learningRate = lr * train.lr_multi;

    const { student, teacher, precision } = this;
    const result = method.step(views, {
      student,
      teacher,
      warmup,
      precision,
      batchNorm: train.batch_norm,
      drop: (n, images) => this.#drop(iteration, n, images),
      dropout: (pass) => dropoutMasks(seed, iteration, pass, device),
    });
    const names = ['loss', ...result.terms.keys()];
    const scalars = ops.stack([result.loss, ...result.terms.values()].map((term) => term.detach().to('float32')));
    const values = Object.fromEntries([...(scalars.toTyped() as Float32Array)].map((value, i) => [names[i]!, value]));
    if (!Number.isFinite(values.loss))
      throw new TorchError(`iteration ${iteration}: the loss is ${values.loss} (${JSON.stringify(values)})`);
    result.loss.backward();
    this.#checkGradients(iteration);
    this.#optimiser.step();
    this.#ema.update(warmup ? 0 : emaKeep(train.ema, iteration, train.ema_warmup));
    inspect?.(result);
    return { values, lr };
  }

  /** @throws TorchError that names the first parameter whose gradient is not finite, before anything is applied. */
  #checkGradients(iteration: number): void {
    const parameters = [...this.#backboneGroup.parameters, ...this.#restGroup.parameters];
    const named = parameters.flatMap(([name, parameter]) => {
      const gradient = parameter.grad;
      return gradient ? [{ name, gradient }] : [];
    });
    const norms = ops.stack(ops.foreachNorm(named.map(({ gradient }) => gradient))).toTyped() as Float32Array;
    const bad = norms.findIndex((norm) => !Number.isFinite(norm));
    if (bad >= 0)
      throw new TorchError(`iteration ${iteration}: the gradient of ${named[bad]!.name} is not finite; nothing was changed by it`);
  }

  free(): void {
    this.student.free();
    this.teacher.free();
    this.#optimiser.free();
  }
}

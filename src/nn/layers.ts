/** Layers with PyTorch's names and defaults. `train` is an argument of `forward`, never a state of the module. */
import { TorchError } from '../base/errors.ts';
import { dilatedConv3x3, ops, type Synchronous, type Tensor } from '../torch/index.ts';
import { Module } from './module.ts';

/** A module of one input and one output. */
export abstract class Layer extends Module {
  /** @param train batch statistics and dropout as in training; else as in evaluation. */
  abstract forward(x: Tensor, train: boolean): Tensor;
}

export interface ConvolutionOptions {
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  /** Each group of `input / groups` channels is convolved by itself; groups = input is a depthwise convolution. */
  readonly groups?: number;
  readonly bias?: boolean;
}

/** 2-dimensional convolution: [N, input, H, W] -> [N, output, H', W']. */
export class Conv2d extends Layer {
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;

  constructor(
    readonly input: number,
    readonly output: number,
    readonly kernel: number,
    { stride = 1, padding = 0, dilation = 1, groups = 1, bias = false }: ConvolutionOptions = {},
  ) {
    super();
    this.stride = stride;
    this.padding = padding;
    this.dilation = dilation;
    this.groups = groups;
    this.ownParameters.set('weight', ops.empty([output, input / groups, kernel, kernel], { memoryFormat: 'channels_last' }));
    if (bias) this.ownParameters.set('bias', ops.empty([output]));
  }

  override forward(x: Tensor): Tensor {
    const weight = this.ownParameters.get('weight')!;
    const { kernel, stride, padding, dilation, groups } = this;
    const bias = this.ownParameters.get('bias') ?? null;
    if (dilation > 1 && kernel === 3 && stride === 1 && padding === dilation && groups === 1 && !bias)
      return dilatedConv3x3(x, weight, dilation);
    return ops.conv2d(x, weight, bias, stride, padding, dilation, groups);
  }
}

let tracking = true;

/** Runs `f` so that batch norm in training leaves its running statistics alone: it normalises by the batch, and forgets it. */
export function untracked<T>(f: () => Synchronous<T>): T {
  const before = tracking;
  tracking = false;
  try {
    return f();
  } finally {
    tracking = before;
  }
}

/** Batch normalisation over N, H, W; running statistics with PyTorch's momentum 0.1 unless said otherwise. */
export class BatchNorm2d extends Layer {
  static readonly epsilon = 1e-5;

  constructor(
    readonly channels: number,
    readonly momentum = 0.1,
  ) {
    super();
    this.ownParameters.set('weight', ops.full([channels], 1, { dtype: 'float32' }));
    this.ownParameters.set('bias', ops.full([channels], 0, { dtype: 'float32' }));
    this.ownBuffers.set('running_mean', ops.full([channels], 0, { dtype: 'float32' }));
    this.ownBuffers.set('running_var', ops.full([channels], 1, { dtype: 'float32' }));
    this.ownBuffers.set('num_batches_tracked', ops.full([], 0, { dtype: 'int64' }));
  }

  override forward(x: Tensor, train: boolean): Tensor {
    if (train) {
      // Their sample variance would be 0 / 0, and the running one NaN ever after.
      if (x.count === this.channels)
        throw new TorchError(
          `batch norm in training needs more than one value a channel, got [${x.shape.join(', ')}]: use a larger batch or crop`,
        );
      if (tracking) this.ownBuffers.get('num_batches_tracked')!.add_(1);
    }
    const running = train && !tracking ? null : this.ownBuffers;
    return ops.batchNorm(
      x,
      this.ownParameters.get('weight')!,
      this.ownParameters.get('bias')!,
      running?.get('running_mean') ?? null,
      running?.get('running_var') ?? null,
      train,
      this.momentum,
      BatchNorm2d.epsilon,
      true,
    );
  }
}

/** In place: what is overwritten is a batch norm's output or a sum, which no gradient needs. */
export class ReLU extends Layer {
  override forward(x: Tensor): Tensor {
    return ops.reluInPlace(x);
  }
}

/** Mean over all pixels: [N, C, H, W] -> [N, C, 1, 1]. */
export class GlobalAveragePool extends Layer {
  override forward(x: Tensor): Tensor {
    return ops.adaptiveAvgPool2d(x, 1);
  }
}

/** Layers one after another, named by their place: `0`, `1`, ... */
export class Sequential extends Layer {
  readonly #layers: readonly Layer[];

  constructor(layers: readonly Layer[]) {
    super();
    this.#layers = layers;
  }

  override *namedChildren(): Iterable<[string, Module]> {
    for (const [place, layer] of this.#layers.entries()) yield [String(place), layer];
  }

  override forward(x: Tensor, train: boolean): Tensor {
    let y = x;
    for (const layer of this.#layers) {
      const next = layer.forward(y, train);
      // What a gradient needs, the engine's graph holds: without one, an intermediate's memory is free at once.
      if (y !== x && y !== next) y.free();
      y = next;
    }
    return y;
  }
}

/** Convolution, batch norm, ReLU: the field's usual triple. A 3x3 kernel is padded so that the size stays. */
export function convBnRelu(input: number, output: number, kernel: 1 | 3, { dilation = 1, stride = 1 } = {}): Layer[] {
  const padding = kernel === 3 ? dilation : 0;
  return [new Conv2d(input, output, kernel, { stride, padding, dilation }), new BatchNorm2d(output), new ReLU()];
}

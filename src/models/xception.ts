/**
 * Aligned Xception-65 (Chollet, CVPR 2017, as changed by Chen et al. for DeepLabV3+, ECCV 2018; SPEC section 2): 20 residual
 * blocks of three separable convolutions each, then three more. Output stride 16, without dilation.
 */
import { ConfigError } from '../base/errors.ts';
import { BatchNorm2d, Conv2d, Layer, Module } from '../nn/index.ts';
import { ops, scoped, type Tensor } from '../torch/index.ts';
import type { Backbone, BackboneOptions, Features } from './backbone.ts';

/** Batch norm's momentum in the whole backbone, as published: statistics of 3,000 iterations. */
const momentum = 0.0003;
const lowChannels = 256;
const middleChannels = 728;
const highChannels = 2048;

interface SeparableOptions {
  readonly stride?: number;
  /** ReLU after each batch norm: those of the three last ones. Within blocks the activation stands before, and is the block's. */
  readonly activated?: boolean;
}

/** One 3x3 filter a channel, then a 1x1 convolution over all channels. */
class SeparableConv2d extends Layer {
  readonly depthwise: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly pointwise: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly activated: boolean;

  constructor(input: number, output: number, { stride = 1, activated = false }: SeparableOptions = {}) {
    super();
    this.depthwise = new Conv2d(input, input, 3, { stride, padding: 1, groups: input });
    this.bn1 = new BatchNorm2d(input, momentum);
    this.pointwise = new Conv2d(input, output, 1);
    this.bn2 = new BatchNorm2d(output, momentum);
    this.activated = activated;
  }

  override forward(x: Tensor, train: boolean): Tensor {
    const activate = (y: Tensor): Tensor => (this.activated ? ops.reluInPlace(y) : y);
    return scoped(() => {
      const filtered = activate(this.bn1.forward(this.depthwise.forward(x), train));
      return activate(this.bn2.forward(this.pointwise.forward(filtered), train));
    });
  }
}

class Block extends Module {
  readonly skip: Conv2d | undefined;
  readonly skipbn: BatchNorm2d | undefined;
  readonly sepconv1: SeparableConv2d;
  readonly sepconv2: SeparableConv2d;
  readonly sepconv3: SeparableConv2d;

  /** @param inner channels between the first two separable convolutions. */
  constructor(input: number, inner: number, output: number, stride: number) {
    super();
    if (input !== output || stride !== 1) {
      this.skip = new Conv2d(input, output, 1, { stride });
      this.skipbn = new BatchNorm2d(output, momentum);
    }
    this.sepconv1 = new SeparableConv2d(input, inner);
    this.sepconv2 = new SeparableConv2d(inner, output);
    this.sepconv3 = new SeparableConv2d(output, output, { stride });
  }

  /**
   * The output of the second separable convolution, and what the shortcut adds to the third's. Where the shortcut has no
   * projection it carries relu(x): the first activation of the published code acts in place. So does this one; `x` is lost.
   */
  #begin(x: Tensor, train: boolean): { middle: Tensor; shortcut: Tensor } {
    // The projection's gradient needs x itself.
    const active = this.skip ? ops.relu(x) : ops.reluInPlace(x);
    const shortcut = this.skip && this.skipbn ? this.skipbn.forward(this.skip.forward(x), train) : active;
    const first = ops.reluInPlace(this.sepconv1.forward(active, train));
    return { middle: this.sepconv2.forward(first, train), shortcut };
  }

  /** Overwrites `x` where the block has no projection. */
  forward(x: Tensor, train: boolean): Tensor {
    return scoped(() => {
      const { middle, shortcut } = this.#begin(x, train);
      return this.sepconv3.forward(ops.reluInPlace(middle), train).add_(shortcut);
    });
  }

  /** The output of the second separable convolution, before its activation, and the block's. */
  forwardWithMiddle(x: Tensor, train: boolean): [middle: Tensor, output: Tensor] {
    return scoped((): [Tensor, Tensor] => {
      const { middle, shortcut } = this.#begin(x, train);
      return [middle, this.sepconv3.forward(ops.relu(middle), train).add_(shortcut)];
    });
  }
}

export class Xception extends Module implements Backbone {
  readonly lowChannels = lowChannels;
  readonly highChannels = highChannels;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly block1: Block;
  readonly block2: Block;
  /** `block3` to `block20`. */
  readonly #later: readonly Block[];
  readonly #last: readonly SeparableConv2d[];

  /** @throws ConfigError where a stem or an output stride is asked for that this network does not have. */
  constructor({ stem, outputStride }: BackboneOptions) {
    super();
    if (stem !== 'deep' || outputStride !== 16)
      throw new ConfigError(
        `xception has one stem and output stride 16; got stem ${stem} and output stride ${outputStride}; allowed: deep, 16`,
      );
    this.conv1 = new Conv2d(3, 32, 3, { stride: 2, padding: 1 });
    this.bn1 = new BatchNorm2d(32, momentum);
    this.conv2 = new Conv2d(32, 64, 3, { padding: 1 });
    this.bn2 = new BatchNorm2d(64, momentum);
    this.block1 = new Block(64, 128, 128, 2);
    this.block2 = new Block(128, lowChannels, lowChannels, 2);
    const middle = Array.from({ length: 16 }, () => new Block(middleChannels, middleChannels, middleChannels, 1));
    this.#later = [
      new Block(lowChannels, middleChannels, middleChannels, 2),
      ...middle,
      new Block(middleChannels, middleChannels, 1024, 1),
    ];
    const separable = (input: number, output: number) => new SeparableConv2d(input, output, { activated: true });
    this.#last = [separable(1024, 1536), separable(1536, 1536), separable(1536, highChannels)];
  }

  override *namedChildren(): Iterable<[string, Module]> {
    yield* super.namedChildren();
    for (const [k, block] of this.#later.entries()) yield [`block${k + 3}`, block];
    for (const [k, layer] of this.#last.entries()) yield [`conv${k + 3}`, layer];
  }

  features(image_N3HW: Tensor, train: boolean): Features {
    const start = scoped(() => {
      const x = ops.reluInPlace(this.bn1.forward(this.conv1.forward(image_N3HW), train));
      return this.block1.forward(ops.reluInPlace(this.bn2.forward(this.conv2.forward(x), train)), train);
    });
    const [low, second] = this.block2.forwardWithMiddle(start, train);
    start.free();
    let high = second;
    for (const layer of [...this.#later, ...this.#last]) {
      const next = layer.forward(high, train);
      high.free();
      high = next;
    }
    return { low, high };
  }
}

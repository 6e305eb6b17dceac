/**
 * ResNets for segmentation (SPEC section 2): He et al., "Deep Residual Learning", CVPR 2016, with the deep stem of the
 * published DSSN or torchvision's, and dilation in place of the last strides.
 */
import { BatchNorm2d, Conv2d, convBnRelu, Layer, Module, Sequential } from '../nn/index.ts';
import { ops, scoped, type Tensor } from '../torch/index.ts';
import type { Backbone, BackboneOptions, Features } from './backbone.ts';

interface BlockOptions {
  readonly stride: number;
  readonly dilation: number;
  readonly downsample: Sequential | undefined;
}

/** The second half of both blocks: shortcut, sum, ReLU. */
function addShortcut(block: { downsample: Sequential | undefined }, x: Tensor, y: Tensor, train: boolean): Tensor {
  return ops.reluInPlace(y.add_(block.downsample ? block.downsample.forward(x, train) : x));
}

class Bottleneck extends Layer {
  static readonly expansion = 4;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample: Sequential | undefined;

  constructor(input: number, width: number, { stride, dilation, downsample }: BlockOptions) {
    super();
    this.conv1 = new Conv2d(input, width, 1);
    this.bn1 = new BatchNorm2d(width);
    this.conv2 = new Conv2d(width, width, 3, { stride, padding: dilation, dilation });
    this.bn2 = new BatchNorm2d(width);
    this.conv3 = new Conv2d(width, width * Bottleneck.expansion, 1);
    this.bn3 = new BatchNorm2d(width * Bottleneck.expansion);
    this.downsample = downsample;
  }

  override forward(x: Tensor, train: boolean): Tensor {
    return scoped(() => {
      let y = ops.reluInPlace(this.bn1.forward(this.conv1.forward(x), train));
      y = ops.reluInPlace(this.bn2.forward(this.conv2.forward(y), train));
      y = this.bn3.forward(this.conv3.forward(y), train);
      return addShortcut(this, x, y, train);
    });
  }
}

class BasicBlock extends Layer {
  static readonly expansion = 1;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Sequential | undefined;

  constructor(input: number, width: number, { stride, dilation, downsample }: BlockOptions) {
    super();
    this.conv1 = new Conv2d(input, width, 3, { stride, padding: dilation, dilation });
    this.bn1 = new BatchNorm2d(width);
    this.conv2 = new Conv2d(width, width, 3, { padding: dilation, dilation });
    this.bn2 = new BatchNorm2d(width);
    this.downsample = downsample;
  }

  override forward(x: Tensor, train: boolean): Tensor {
    return scoped(() => {
      const y = ops.reluInPlace(this.bn1.forward(this.conv1.forward(x), train));
      return addShortcut(this, x, this.bn2.forward(this.conv2.forward(y), train), train);
    });
  }
}

type Block = typeof Bottleneck | typeof BasicBlock;
const widths = [64, 128, 256, 512] as const;
/** Stride of each layer at output stride 32, before dilation takes the last ones' place. */
const strides = [1, 2, 2, 2] as const;

export class ResNet extends Module implements Backbone {
  readonly lowChannels: number;
  readonly highChannels: number;
  readonly conv1: Layer;
  readonly bn1: BatchNorm2d;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;

  /** @param counts blocks in each of the four layers. */
  constructor(block: Block, counts: readonly [number, number, number, number], { stem, outputStride }: BackboneOptions) {
    super();
    this.lowChannels = widths[0] * block.expansion;
    this.highChannels = widths[3] * block.expansion;
    const stemChannels = stem === 'deep' ? 128 : 64;
    this.conv1 =
      stem === 'deep'
        ? new Sequential([...convBnRelu(3, 64, 3, { stride: 2 }), ...convBnRelu(64, 64, 3), new Conv2d(64, 128, 3, { padding: 1 })])
        : new Conv2d(3, 64, 7, { stride: 2, padding: 3 });
    this.bn1 = new BatchNorm2d(stemChannels);
    const dilated = outputStride === 8 ? [false, false, true, true] : [false, false, false, true];
    let input = stemChannels;
    let dilation = 1;
    const layer = (n: 0 | 1 | 2 | 3): Sequential => {
      const width = widths[n];
      const output = width * block.expansion;
      const stride = dilated[n] ? 1 : strides[n];
      // The first block of a dilated layer still has the dilation of the layer before it.
      const first = dilation;
      if (dilated[n]) dilation *= 2;
      const downsample =
        stride !== 1 || input !== output ? new Sequential([new Conv2d(input, output, 1, { stride }), new BatchNorm2d(output)]) : undefined;
      const blocks: Layer[] = [new block(input, width, { stride, dilation: first, downsample })];
      for (let k = 1; k < counts[n]; k++) blocks.push(new block(output, width, { stride: 1, dilation, downsample: undefined }));
      input = output;
      return new Sequential(blocks);
    };
    this.layer1 = layer(0);
    this.layer2 = layer(1);
    this.layer3 = layer(2);
    this.layer4 = layer(3);
  }

  features(image_N3HW: Tensor, train: boolean): Features {
    const stem = scoped(() => ops.maxPool2d(ops.reluInPlace(this.bn1.forward(this.conv1.forward(image_N3HW, train), train)), 3, 2, 1));
    const low = this.layer1.forward(stem, train);
    const high = scoped(() => this.layer4.forward(this.layer3.forward(this.layer2.forward(low, train), train), train));
    return { low, high };
  }
}

export const resnets = {
  resnet10: (options: BackboneOptions) => new ResNet(BasicBlock, [1, 1, 1, 1], options),
  resnet18: (options: BackboneOptions) => new ResNet(BasicBlock, [2, 2, 2, 2], options),
  resnet34: (options: BackboneOptions) => new ResNet(BasicBlock, [3, 4, 6, 3], options),
  resnet50: (options: BackboneOptions) => new ResNet(Bottleneck, [3, 4, 6, 3], options),
  resnet101: (options: BackboneOptions) => new ResNet(Bottleneck, [3, 4, 23, 3], options),
};

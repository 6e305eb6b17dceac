/**
 * Atrous spatial pyramid pooling (Chen et al., "Rethinking Atrous Convolution", 2017; SPEC section 2): one 1x1 convolution,
 * three dilated 3x3 ones and the image's mean, concatenated and projected. Each branch has input / 8 channels.
 */
import { convBnRelu, GlobalAveragePool, type Layer, Module, Sequential } from '../nn/index.ts';
import { ops, scoped, type Tensor } from '../torch/index.ts';

class ImagePool extends Module {
  readonly gap: Sequential;
  constructor(input: number, output: number) {
    super();
    this.gap = new Sequential([new GlobalAveragePool(), ...convBnRelu(input, output, 1)]);
  }
}

export class ASPP extends Module {
  readonly b0: Sequential;
  readonly b1: Sequential;
  readonly b2: Sequential;
  readonly b3: Sequential;
  readonly b4: ImagePool;
  readonly project: Sequential;

  constructor(input: number, rates: readonly [number, number, number]) {
    super();
    const output = input / 8;
    const branch = (layers: Layer[]) => new Sequential(layers);
    this.b0 = branch(convBnRelu(input, output, 1));
    this.b1 = branch(convBnRelu(input, output, 3, { dilation: rates[0] }));
    this.b2 = branch(convBnRelu(input, output, 3, { dilation: rates[1] }));
    this.b3 = branch(convBnRelu(input, output, 3, { dilation: rates[2] }));
    this.b4 = new ImagePool(input, output);
    this.project = branch(convBnRelu(5 * output, output, 1));
  }

  /** [N, input, h, w] -> [N, input / 8, h, w] */
  forward(x_NChw: Tensor, train: boolean): Tensor {
    return scoped(() => {
      const [n, , h, w] = x_NChw.shape as [number, number, number, number];
      const mean_NC11 = this.b4.gap.forward(x_NChw, train);
      // Resizing one pixel to h x w repeats it.
      const mean_NChw = mean_NC11.expand(n, mean_NC11.size(1), h, w);
      const branches = [this.b0, this.b1, this.b2, this.b3].map((branch) => branch.forward(x_NChw, train));
      return this.project.forward(ops.cat([...branches, mean_NChw], 1), train);
    });
  }
}

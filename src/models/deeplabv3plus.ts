/**
 * DeepLabV3+ (Chen et al., ECCV 2018) with DSSN's feature perturbation (SPEC section 2).
 * Legend: N images, K classes, C channels, H W pixels, h w feature cells.
 */
import { invariant } from '../base/assert.ts';
import { Conv2d, convBnRelu, initialise, Module, Sequential, untracked } from '../nn/index.ts';
import { ops, scoped, type Tensor } from '../torch/index.ts';
import { ASPP } from './aspp.ts';
import type { Backbone, Stem } from './backbone.ts';
import { type DrawMask, dropout } from './dropout.ts';
import { type BackboneName, backbones } from './registry.ts';

export interface ModelOptions {
  readonly backbone: BackboneName;
  readonly classes: number;
  readonly stem?: Stem;
  readonly outputStride?: 8 | 16;
  /** Channels of the two fusing convolutions: 256 as published. */
  readonly decoderChannels?: number;
  /** Share of whole channels that training drops at the end of `head.project`: 0 as published, 0.5 in ST++ (SPEC section 8b). */
  readonly asppDropout?: number;
  /** Share of single values that training drops at the end of `fuse`: 0 as published, 0.1 in ST++. */
  readonly fuseDropout?: number;
}

/** Channel masks of one perturbation, already divided by the keep rate: [N, low, 1, 1] and [N, high, 1, 1]. */
export interface FeatureDrop {
  readonly low: Tensor;
  readonly high: Tensor;
}

/**
 * How batch norm meets views that are not clean (strong ones, perturbed features) in training. `shared`: as published, perturbed
 * features are normalised together with the clean ones, and every pass moves the running statistics. `separate`: they are
 * normalised by themselves, and the running statistics, which evaluation uses, are those of clean weak views (after
 * distribution-specific batch normalisation: Yuan et al., ICCV 2021, section 3.2).
 */
export type BatchNormRule = 'shared' | 'separate';

/** Channels of the reduced low-level features. */
const reducedChannels = 48;

export class DeepLabV3Plus extends Module {
  readonly backbone: Backbone;
  readonly head: ASPP;
  readonly reduce: Sequential;
  readonly fuse: Sequential;
  readonly classifier: Conv2d;

  constructor(readonly options: ModelOptions) {
    super();
    const { backbone, classes, stem = 'deep', outputStride = 16, decoderChannels = 256 } = options;
    this.backbone = backbones[backbone]({ stem, outputStride });
    const { lowChannels, highChannels } = this.backbone;
    this.head = new ASPP(highChannels, outputStride === 8 ? [12, 24, 36] : [6, 12, 18]);
    this.reduce = new Sequential(convBnRelu(lowChannels, reducedChannels, 1));
    this.fuse = new Sequential([
      ...convBnRelu(highChannels / 8 + reducedChannels, decoderChannels, 3),
      ...convBnRelu(decoderChannels, decoderChannels, 3),
    ]);
    this.classifier = new Conv2d(decoderChannels, classes, 1, { bias: true });
  }

  /** Draws the weights that no file gives. */
  initialise(seed: number): this {
    initialise(this, seed, (path) => path.startsWith('backbone.'));
    return this;
  }

  #decode(low_NChw: Tensor, high_NChw: Tensor, train: boolean, draw?: DrawMask): Tensor {
    const { asppDropout = 0, fuseDropout = 0 } = this.options;
    const dropped = (x_NChw: Tensor, rate: number, what: 'values' | 'channels', part: string): Tensor => {
      if (!train || rate === 0) return x_NChw;
      invariant(draw !== undefined, `${part} drops ${rate} of its ${what} in training: forward needs a source of masks`);
      return dropout(x_NChw, rate, what, part, draw);
    };
    return scoped(() => {
      const size = low_NChw.shape.slice(2);
      const projected = dropped(this.head.forward(high_NChw, train), asppDropout, 'channels', 'aspp');
      const context = ops.upsampleBilinear2d(projected, size, true);
      const fused = this.fuse.forward(ops.cat([this.reduce.forward(low_NChw, train), context], 1), train);
      return this.classifier.forward(dropped(fused, fuseDropout, 'values', 'fuse'));
    });
  }

  /**
   * Logits at the input's size, float32 or wider even under autocast: the clean ones, then one for each perturbation.
   */
  #logits(image_N3HW: Tensor, train: boolean, drops: readonly FeatureDrop[], batchNorm: BatchNormRule, draw?: DrawMask): Tensor[] {
    const n = image_N3HW.size(0);
    const all = scoped(() => {
      const { low, high } = this.backbone.features(image_N3HW, train);
      const lows = drops.map((drop) => low.mul(drop.low.to(low.dtype)));
      const highs = drops.map((drop) => high.mul(drop.high.to(high.dtype)));
      // Where perturbed features are decoded apart, they have masks of their own.
      const drawApart: DrawMask | undefined = draw && ((part, ...rest) => draw(`perturbed ${part}`, ...rest));
      const logits_Khw =
        drops.length === 0
          ? this.#decode(low, high, train, draw)
          : batchNorm === 'shared'
            ? this.#decode(ops.cat([low, ...lows]), ops.cat([high, ...highs]), train, draw)
            : ops.cat([
                this.#decode(low, high, train, draw),
                untracked(() => this.#decode(ops.cat(lows), ops.cat(highs), train, drawApart)),
              ]);
      const wide = logits_Khw.dtype === 'float64' ? logits_Khw : logits_Khw.to('float32');
      return ops.upsampleBilinear2d(wide, image_N3HW.shape.slice(2), true);
    });
    if (drops.length === 0) return [all];
    const parts = Array.from({ length: 1 + drops.length }, (_, k) => all.narrow(0, k * n, n));
    all.free();
    return parts;
  }

  /**
   * [N, 3, H, W] -> logits [N, K, H, W].
   * @param draw masks of dropout: needed in training where the network has any.
   */
  forward(image_N3HW: Tensor, train: boolean, draw?: DrawMask): Tensor {
    return this.#logits(image_N3HW, train, [], 'shared', draw)[0]!;
  }

  /** Logits of the clean features and of each perturbed copy: 1 + drops.length tensors [N, K, H, W]. */
  forwardWithDrops(image_N3HW: Tensor, train: boolean, drops: readonly FeatureDrop[], batchNorm: BatchNormRule, draw?: DrawMask): Tensor[] {
    return this.#logits(image_N3HW, train, drops, batchNorm, draw);
  }

  /** Whether a parameter belongs to the backbone, whose learning rate is the base rate. */
  static isBackbone(name: string): boolean {
    return name.startsWith('backbone.');
  }
}

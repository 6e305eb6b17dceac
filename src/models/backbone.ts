/** What a backbone is to DeepLabV3+. */
import type { Module } from '../nn/index.ts';
import type { Tensor } from '../torch/index.ts';

/** `deep`: three 3x3 convolutions, as published; `standard`: torchvision's one 7x7. */
export type Stem = 'deep' | 'standard';

export interface BackboneOptions {
  readonly stem: Stem;
  /** Input size / high-level feature size. */
  readonly outputStride: 8 | 16;
}

export interface Features {
  /** [N, lowChannels, H / 4, W / 4] */
  readonly low: Tensor;
  /** [N, highChannels, H / outputStride, W / outputStride] */
  readonly high: Tensor;
}

export interface Backbone extends Module {
  readonly lowChannels: number;
  readonly highChannels: number;
  features(image_N3HW: Tensor, train: boolean): Features;
}

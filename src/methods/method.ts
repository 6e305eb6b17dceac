/**
 * What a method is to the training loop: one step from views to losses. One loop serves all methods; a new method is one
 * file and its place in the registry.
 * Legend: N labelled batch, U unlabelled batch, K classes, H W pixels.
 */
import type { BatchNormRule, DeepLabV3Plus, DrawMask, FeatureDrop } from '../models/index.ts';
import type { Synchronous, Tensor } from '../torch/index.ts';

/** Labelled images after the weak augmentation. */
export interface LabelledViews {
  /** float [N, 3, H, W], normalised. */
  readonly images: Tensor;
  /** int64 [N, H, W]; 255 means "ignore". */
  readonly labels: Tensor;
}

/** Unlabelled images: one weak crop and two strong views of it. */
export interface UnlabelledViews {
  /** float [U, 3, H, W], normalised; the same pixels in all three. */
  readonly weak: Tensor;
  readonly strong1: Tensor;
  readonly strong2: Tensor;
  /** bool [U, H, W]: true where the crop shows the image, false where it was padded. */
  readonly valid: Tensor;
  /** CutMix boxes [U, 4] of the two strong views: top, left, height, width; height 0 means none. */
  readonly boxes1: Int32Array;
  readonly boxes2: Int32Array;
}

export interface Views {
  readonly labelled: LabelledViews;
  readonly unlabelled?: UnlabelledViews;
  /** What CutMix pastes in: another draw of unlabelled images. */
  readonly mix?: UnlabelledViews;
}

/** What a step needs beside its views. */
export interface StepContext {
  readonly student: DeepLabV3Plus;
  /** The EMA of the student, in evaluation mode and without gradients. */
  readonly teacher: DeepLabV3Plus;
  /** True while the unlabelled strong views are not learnt from yet. */
  readonly warmup: boolean;
  readonly batchNorm: BatchNormRule;
  /** Runs forward passes of networks: under autocast where the configuration says bf16. */
  readonly precision: <T>(forward: () => Synchronous<T>) => T;
  /** Channel masks of the n-th feature perturbation for a batch of images. */
  readonly drop: (n: number, images: number) => FeatureDrop;
  /**
   * Takes a part of the loss, a scalar with gradients: adds its gradients to the student's, which frees the memory of its graph,
   * and returns its value. So a step needs the memory of its largest part alone; the sum of all parts is the loss.
   */
  readonly learn: (part: Tensor) => Tensor;
  /** Masks of the network's own dropout in one of the student's forward passes, by a name that is the pass's alone. */
  readonly dropout: (pass: string) => DrawMask;
}

export interface StepResult {
  /** What is minimised: the sum of the parts that `learn` was given, a scalar. */
  readonly loss: Tensor;
  /** Scalars by the names of SPEC section 5, and shares of kept pixels: for the log. */
  readonly terms: ReadonlyMap<string, Tensor>;
  /** The weak views' pseudo-labels, int64 [U, H, W], and what of them was kept, bool [U, H, W]: computed when somebody looks. */
  readonly pseudoLabels?: () => { readonly labels: Tensor; readonly keep: Tensor };
}

/** The unlabelled images whose pseudo-labels a round of self-training learns from: the more reliable half, or all. */
export type Round = 'reliable' | 'all';

export interface Method {
  readonly name: string;
  /** False where labelled images are all that is learnt from. */
  readonly usesUnlabelled: boolean;
  /**
   * Self-training (SPEC section 8b): a first round on the labelled images, then these, each with a fresh network, on the labelled
   * images and on those that the round before has labelled. `step` gets both as its labelled batch.
   */
  readonly rounds?: readonly Round[];
  /** Iterations by which the learning rate lags behind its schedule: 1 (`polyRate`) unless said otherwise. */
  readonly rateLag?: number;
  step(views: Views, context: StepContext): StepResult;
}

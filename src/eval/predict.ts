/**
 * Class scores of whole images (SPEC section 7): plain, by sliding windows, with test-time augmentation.
 * Legend: N images (1 in evaluation), K classes, H W pixels.
 */
import { ops, scope, scoped, type Tensor } from '../torch/index.ts';

/** A network in evaluation: [N, 3, H, W] -> logits [N, K, H, W]. */
export type Forward = (image_N3HW: Tensor) => Tensor;

/** Scales of test-time augmentation, each plain and mirrored. */
export const ttaScales = [0.5, 0.75, 1, 1.5, 2] as const;

const sizeOf = (t: Tensor): [number, number] => t.shape.slice(2) as [number, number];

/** Bilinear, corners aligned; the tensor itself where the size is the same. */
function resized(t_NCHW: Tensor, size: readonly [number, number]): Tensor {
  const [h, w] = sizeOf(t_NCHW);
  return h === size[0] && w === size[1] ? t_NCHW : ops.upsampleBilinear2d(t_NCHW, size, true);
}

/**
 * Softmax summed over windows of `window` pixels at a stride of floor(2/3 window), cut at the border.
 * A pixel's sum counts the windows that see it.
 */
export function slidingWindow(forward: Forward, image_N3HW: Tensor, window: number): Tensor {
  const [height, width] = sizeOf(image_N3HW);
  const stride = Math.max(1, Math.floor((window * 2) / 3));
  return scoped(() => {
    let sum: Tensor | undefined;
    for (let top = 0; top < height; top += stride) {
      for (let left = 0; left < width; left += stride) {
        const rows = Math.min(window, height - top);
        const columns = Math.min(window, width - left);
        const p_NKhw = scoped(() => forward(image_N3HW.narrow(2, top, rows).narrow(3, left, columns).contiguous()).softmax(1));
        sum ??= ops.full([p_NKhw.size(0), p_NKhw.size(1), height, width], 0, { dtype: p_NKhw.dtype, device: p_NKhw.device });
        sum.narrow(2, top, rows).narrow(3, left, columns).add_(p_NKhw);
        p_NKhw.free();
      }
    }
    return sum!;
  });
}

/** Probabilities at five scales, plain and mirrored, each resized to full size, summed; scaled sizes are floored, to no less than a pixel. */
export function testTimeAugmentation(probabilities: Forward, image_N3HW: Tensor): Tensor {
  const size = sizeOf(image_N3HW);
  const part = (scale: number, mirrored: boolean): Tensor =>
    scoped(() => {
      const scaled = resized(image_N3HW, [Math.max(1, Math.floor(size[0] * scale)), Math.max(1, Math.floor(size[1] * scale))]);
      const p = probabilities(mirrored ? scaled.flip(3) : scaled);
      return resized(mirrored ? p.flip(3) : p, size);
    });
  // One sum in place: at 1024 x 2048 pixels and 19 classes, ten parts at once would take 1.6 GB.
  return scoped(() => {
    let sum: Tensor | undefined;
    for (const scale of ttaScales) {
      for (const mirrored of [false, true]) {
        using inner = scope();
        const p_NKHW = part(scale, mirrored);
        if (sum) sum.add_(p_NKHW);
        else sum = inner.keep(p_NKHW);
      }
    }
    return sum!;
  });
}

export interface PredictOptions {
  /** `original`: the whole image; `sliding_window`: windows of `window` pixels. */
  readonly mode: 'original' | 'sliding_window';
  readonly window: number;
  readonly tta: boolean;
  /** Height and width of the result, where it is not the image's. */
  readonly size?: readonly [height: number, width: number];
}

/** The most probable class of every pixel: [1, 3, h, w] -> int64 [H, W]. */
export function predictClasses(forward: Forward, image_13hw: Tensor, options: PredictOptions): Tensor {
  return scoped(() => classScores(forward, image_13hw, options).argmax(1).select(0, 0));
}

/** Scores of every pixel's classes, the larger the likelier: [1, 3, h, w] -> [1, K, H, W]; logits, or with `tta` a sum of probabilities. */
export function classScores(forward: Forward, image_13hw: Tensor, { mode, window, tta, size }: PredictOptions): Tensor {
  return scoped(() => {
    const windows = mode === 'sliding_window';
    const once: Forward = windows ? (image) => slidingWindow(forward, image, window) : forward;
    const probabilities: Forward = windows ? (image) => normalised(once(image)) : (image) => forward(image).softmax(1);
    const scores_1Khw = tta ? testTimeAugmentation(probabilities, image_13hw) : once(image_13hw);
    return resized(scores_1Khw, size ?? sizeOf(image_13hw));
  });
}

/** Sums over windows as probabilities again, so that every scale of test-time augmentation weighs the same. */
const normalised = (sum_NKHW: Tensor): Tensor => sum_NKHW.div(sum_NKHW.sum(1, true));

/**
 * CutMix (Yun et al., ICCV 2019; SPEC section 4): inside image i's box, the values of another batch's image i.
 */
import { noGrad, scope, type Tensor } from '../torch/index.ts';

/**
 * A new tensor: `base` with the boxes of `other` pasted in. Works on any tensor [N, ..., H, W]; records no gradient.
 * @param boxes [N, 4] top, left, height, width in pixels, row by row; height 0 means no box.
 */
export function cutMix(base: Tensor, other: Tensor, boxes: Int32Array): Tensor {
  return noGrad(() => {
    const mixed = base.clone();
    using _ = scope();
    const rows = base.shape.length - 2;
    for (let i = 0; i < base.size(0); i++) {
      const [top, left, height, width] = boxes.subarray(4 * i, 4 * i + 4) as unknown as [number, number, number, number];
      if (height === 0 || width === 0) continue;
      const inside = (t: Tensor) =>
        t
          .select(0, i)
          .narrow(rows - 1, top, height)
          .narrow(rows, left, width);
      inside(mixed).copy_(inside(other));
    }
    return mixed;
  });
}

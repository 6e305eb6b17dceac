/** Masks of dropout: randomness is a value here too, and no mask depends on the batch that an image is in. */
import { random } from '../base/random.ts';
import type { DrawMask } from '../models/index.ts';
import { type Device, tensor } from '../torch/index.ts';

/** What `dropout` keeps in one forward pass of one iteration: each image's and part's a stream of its own. */
export function dropoutMasks(seed: number, iteration: number, pass: string, device: Device): DrawMask {
  return (part, rate, shape) => {
    const [images, channels, height, width] = shape as [number, number, number, number];
    const each = channels * height * width;
    const kept = new Uint8Array(images * each).fill(1);
    for (let image = 0; image < images; image++) {
      const stream = random(seed, 'dropout', iteration, pass, part, image);
      // The gaps between dropped values are geometric: a draw for each of them instead of one for every value.
      const gap = (): number => Math.floor(Math.log(1 - stream.uniform()) / Math.log1p(-rate));
      for (let i = gap(); i < each; i += 1 + gap()) kept[image * each + i] = 0;
    }
    // Channels last, as features lie in memory.
    return tensor(kept, [images, height, width, channels]).to(device).permute(0, 3, 1, 2);
  };
}

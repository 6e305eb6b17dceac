/**
 * Weights of a network that no file gives (SPEC section 2): convolutions of the backbone normal with variance
 * 2 / (k^2 x output channels) (Kaiming, fan out, grouped ones likewise); every other weight and bias uniform in +-1 / sqrt(fan in), PyTorch's
 * default; batch norm 1 and 0, as its constructor left it.
 */
import { type Random, random } from '../base/random.ts';
import { noGrad, scope, tensor } from '../torch/index.ts';
import { Conv2d } from './layers.ts';
import type { Module } from './module.ts';

/** Both numbers of each Box-Muller pair: half the time of one at a time, and a ResNet-50 has 23 million. */
function fillNormal(values: Float32Array, stream: Random, deviation: number): void {
  for (let i = 0; i < values.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - stream.uniform()));
    const angle = 2 * Math.PI * stream.uniform();
    values[i] = radius * Math.cos(angle);
    // Past the end of an odd number of values, a typed array ignores it.
    values[i + 1] = radius * Math.sin(angle);
  }
}

/**
 * Fills every convolution of `network` in place. A value is a function of (seed, parameter name, place), so that neither
 * the order of construction nor a part left out changes the others.
 */
export function initialise(network: Module, seed: number, isBackbone: (path: string) => boolean): void {
  for (const [path, module] of network.namedModules()) {
    if (!(module instanceof Conv2d)) continue;
    const area = module.kernel ** 2;
    for (const [name, parameter] of module.stateDict()) {
      using _ = scope();
      const stream = random(seed, 'initial weights', `${path}.${name}`);
      const values = new Float32Array(parameter.count);
      if (isBackbone(path)) fillNormal(values, stream, Math.sqrt(2 / (area * module.output)));
      else {
        const bound = 1 / Math.sqrt((area * module.input) / module.groups);
        for (let i = 0; i < values.length; i++) values[i] = stream.uniform(-bound, bound);
      }
      noGrad(() => parameter.copy_(tensor(values, parameter.shape)));
    }
  }
}

/** The same on a GPU as on the CPU. Without one these tests are skipped, visibly. */
import { describe, expect, it } from 'vitest';
import { TorchError } from '../base/errors.ts';
import { autocast, dilatedConv3x3, engineInfo, fromBytes, liveTensors, ops, scope, synchronize, type Tensor, tensor } from './index.ts';

const { cudaDevices } = engineInfo();
const ramp = (shape: number[]): Tensor =>
  tensor(
    Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.7)),
    shape,
  );
const largest = (a: Tensor, b: Tensor) => ops.max(ops.absolute(a.to('cpu').sub(b.to('cpu')))).item();

describe('devices', () => {
  it('counts GPUs, and refuses one that is not there', () => {
    using _ = scope();
    expect(cudaDevices).toBeGreaterThanOrEqual(0);
    expect(() => ramp([2]).to(`cuda:${cudaDevices}`)).toThrow(TorchError);
    expect(() => ramp([2]).to('cuda:x' as 'cuda:0')).toThrow(TorchError);
    synchronize('cpu');
  });

  it.skipIf(cudaDevices === 0)('moves tensors to cuda:0 and back (needs a GPU)', () => {
    const before = liveTensors();
    {
      using _ = scope();
      const there = ramp([3, 4]).to('cuda:0');
      expect(there.device).toBe('cuda:0');
      expect(there.to('cpu').device).toBe('cpu');
      expect(there.toTyped()).toEqual(ramp([3, 4]).toTyped());
      const bytes = fromBytes(there.toBytes(), 'float64', [3, 4]).to('cuda:0');
      expect(ops.equal(bytes, there)).toBe(true);
      expect(there.sum().item()).toBeCloseTo(ramp([3, 4]).sum().item(), 12);
      expect(() => there.add(ramp([3, 4]))).toThrow(/on cuda:0/);
    }
    expect(liveTensors()).toBe(before);
  });

  it.skipIf(cudaDevices === 0)('convolves and differentiates on cuda:0 as on the CPU (needs a GPU)', () => {
    using _ = scope();
    const run = (device: 'cpu' | 'cuda:0') => {
      const x = ramp([2, 4, 17, 19]).to(device);
      const w = ramp([8, 4, 3, 3]).to(device).detach();
      w.requiresGrad = true;
      const y = dilatedConv3x3(x, w, 3);
      y.mul(y).mean().backward();
      synchronize(device);
      return [y, w.grad!] as const;
    };
    const [here, there] = [run('cpu'), run('cuda:0')];
    expect(there[0].device).toBe('cuda:0');
    for (const k of [0, 1] as const) expect(largest(here[k], there[k])).toBeLessThan(1e-10);
  });

  it.skipIf(cudaDevices === 0)('autocasts on cuda:0 (needs a GPU)', () => {
    using _ = scope();
    const x = ramp([2, 4, 9, 9]).to('float32').to('cuda:0');
    const w = ramp([4, 4, 3, 3]).to('float32').to('cuda:0').detach();
    w.requiresGrad = true;
    const y = autocast('cuda:0', 'bfloat16', () => dilatedConv3x3(x, w, 2));
    expect(y.dtype).toBe('bfloat16');
    y.sum().backward();
    expect(w.grad!.dtype).toBe('float32');
  });
});

import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../base/errors.ts';
import { Conv2d, convBnRelu, Sequential } from '../nn/index.ts';
import { liveTensors, noGrad, ops, scope, type Tensor, tensor } from '../torch/index.ts';
import { Ema, emaKeep, polyRate, Sgd } from './index.ts';

const list = (t: Tensor) => [...(t.toTyped() as Float32Array)];
const leaf = (...values: number[]) => {
  const t = tensor(Float32Array.from(values));
  t.requiresGrad = true;
  return t;
};

describe('SGD', () => {
  it("follows PyTorch's: two groups, momentum 0.9, weight decay 0.01, three steps", () => {
    // torch.optim.SGD of PyTorch 2.13 on sum(c w^2) + b^3 + sum(w) b, c = 1, 2, 3
    const expected = [
      { w: [0.7739999890327454, -1.2230000495910645, 0.1744999885559082], b: [0.5600000023841858] },
      { w: [0.3590259552001953, -0.08927696198225021, -0.2793245315551758], b: [0.16710007190704346] },
      { w: [-0.10332489758729935, 0.9501639008522034, -0.5366025567054749], b: [-0.26237261295318604] },
    ];
    const velocity = { w: [4.623508453369141, -10.394408226013184, 2.5727803707122803], b: [0.4294726848602295] };
    const w = leaf(1, -2, 0.5);
    const b = leaf(0.25);
    const c = tensor(Float32Array.of(1, 2, 3));
    const groups = [
      { parameters: [['w', w]] as const, learningRate: 0.1 },
      { parameters: [['b', b]] as const, learningRate: 1 },
    ];
    const optimiser = new Sgd(groups, { momentum: 0.9, weightDecay: 0.01 });
    for (const after of expected) {
      using _ = scope();
      w.mul(w).mul(c).sum().add(b.mul(b).mul(b).sum()).add(w.sum().mul(b).sum()).backward();
      optimiser.step();
      for (const [k, value] of after.w.entries()) expect(list(w)[k]).toBeCloseTo(value, 6);
      expect(list(b)[0]).toBeCloseTo(after.b[0]!, 6);
    }
    for (const [name, values] of Object.entries(velocity))
      for (const [k, value] of values.entries()) expect(list(optimiser.state().get(name)!)[k]).toBeCloseTo(value, 5);
  });

  const one = (parameter: Tensor, weightDecay = 0) =>
    new Sgd([{ parameters: [['w', parameter]], learningRate: 0.5 }], { momentum: 0.9, weightDecay });

  it('begins with the gradient as velocity, drops gradients, and leaves a parameter without one alone', () => {
    const w = leaf(1, 2);
    const idle = leaf(7);
    const optimiser = new Sgd(
      [
        {
          parameters: [
            ['w', w],
            ['idle', idle],
          ],
          learningRate: 0.5,
        },
      ],
      { momentum: 0.9, weightDecay: 0.1 },
    );
    w.mul(3).sum().backward();
    optimiser.step();
    const gradient = [3 + 0.1 * 1, 3 + 0.1 * 2].map(Math.fround);
    expect(list(optimiser.state().get('w')!)).toEqual(gradient);
    expect(w.grad).toBeNull();
    expect(list(idle)).toEqual([7]);
    expect([...optimiser.state().keys()]).toEqual(['w']);
    expect(w.requiresGrad).toBe(true);
  });

  it('holds one tensor a parameter, and frees them', () => {
    const w = leaf(1, 2);
    const optimiser = one(w);
    const before = liveTensors();
    for (let k = 0; k < 3; k++) {
      {
        using _ = scope();
        w.mul(w).sum().backward();
        optimiser.step();
      }
      expect(liveTensors()).toBe(before + 1);
    }
    optimiser.free();
    expect(liveTensors()).toBe(before);
  });

  it('goes on from saved velocities, in the layout of the parameter', () => {
    using _ = scope();
    const start = () => {
      const conv = new Conv2d(2, 2, 3);
      const weight = noGrad(() => conv.stateDict().get('weight')!.fill_(0.5));
      weight.requiresGrad = true;
      return weight;
    };
    const step = (weight: Tensor, optimiser: Sgd) => {
      weight.mul(weight).mul(weight).sum().backward();
      optimiser.step();
    };
    const straight = start();
    const through = one(straight);
    for (let k = 0; k < 4; k++) step(straight, through);

    const first = start();
    const before = one(first);
    for (let k = 0; k < 2; k++) step(first, before);
    const resumed = start();
    noGrad(() => resumed.copy_(first));
    const after = one(resumed);
    after.load(new Map([...before.state()].map(([name, v]) => [name, v.contiguous()])));
    expect(after.state().get('w')!.isContiguous('channels_last')).toBe(true);
    for (let k = 0; k < 2; k++) step(resumed, after);
    expect(ops.equal(resumed, straight)).toBe(true);
  });

  it('refuses velocities of another network', () => {
    using _ = scope();
    const optimiser = one(leaf(1, 2));
    expect(() => optimiser.load(new Map([['v', leaf(1, 2)]]))).toThrow(CheckpointError);
    expect(() => optimiser.load(new Map([['v', leaf(1, 2)]]))).toThrow(/velocity of 'v'/);
    expect(() => optimiser.load(new Map([['w', leaf(1, 2, 3)]]))).toThrow(/velocity of w has the shape \[3\], the parameter \[2\]/);
  });
});

describe('schedule', () => {
  it('falls as (1 - k / T)^0.9 after iteration k: the first two iterations use the base rate', () => {
    expect(polyRate(0.1, 0, 100, 0.9)).toBe(0.1);
    expect(polyRate(0.1, 1, 100, 0.9)).toBe(0.1);
    expect(polyRate(0.1, 2, 100, 0.9)).toBeCloseTo(0.1 * 0.99 ** 0.9, 15);
    expect(polyRate(0.1, 51, 100, 0.9)).toBeCloseTo(0.1 * 0.5 ** 0.9, 15);
    // ST (SPEC 8b): iteration k uses base (1 - k / T)^0.9.
    expect(polyRate(0.1, 0, 100, 0.9, 0)).toBe(0.1);
    expect(polyRate(0.1, 50, 100, 0.9, 0)).toBeCloseTo(0.1 * 0.5 ** 0.9, 15);
    expect(polyRate(0.1, 99, 100, 0.9)).toBeCloseTo(0.1 * 0.02 ** 0.9, 15);
    expect(polyRate(0.1, 99, 100, 0)).toBe(0.1);
    expect(polyRate(0.1, 0, 1, 0.9)).toBe(0.1);
  });

  it('keeps 0.996, or less while the teacher is young', () => {
    expect(emaKeep(0.996, 0, false)).toBe(0.996);
    expect([0, 1, 3, 248, 249, 250, 10_000].map((k) => emaKeep(0.996, k, true))).toEqual([0, 0.5, 0.75, 1 - 1 / 249, 0.996, 0.996, 0.996]);
  });
});

describe('EMA', () => {
  const network = (value: number, counter: number) => {
    const layers = new Sequential(convBnRelu(1, 2, 1));
    noGrad(() => {
      for (const [name, entry] of layers.stateDict()) entry.fill_(name.endsWith('tracked') ? counter : value);
    });
    return layers;
  };
  const values = (module: Sequential) => new Map([...module.stateDict()].map(([name, t]) => [name, [...new Set(list(t).map(Number))]]));

  it('moves every entry, statistics too, and truncates counters', () => {
    const before = liveTensors();
    {
      using _ = scope();
      const student = network(3, 10);
      const teacher = network(1, 3);
      new Ema(student, teacher).update(0.75);
      const moved = values(teacher);
      expect([...moved.keys()]).toEqual(['0.weight', '1.weight', '1.bias', '1.running_mean', '1.running_var', '1.num_batches_tracked']);
      // 0.75 x 1 + 0.25 x 3 and trunc(0.75 x 3 + 0.25 x 10) = trunc(4.75)
      for (const [name, found] of moved) expect(found, name).toEqual([name.endsWith('tracked') ? 4 : 1.5]);
      expect(values(student).get('0.weight')).toEqual([3]);
    }
    expect(liveTensors()).toBe(before);
  });

  it('keep 0 copies, also over NaN', () => {
    using _ = scope();
    const student = network(3, 10);
    const teacher = network(Number.NaN, 3);
    new Ema(student, teacher).update(0);
    expect(values(teacher)).toEqual(values(student));
  });

  it('follows a student in training without a gradient of its own', () => {
    using _ = scope();
    const student = network(3, 0).trainable(true);
    const teacher = network(1, 0);
    new Ema(student, teacher).update(0.5);
    expect([...teacher.stateDict().values()].some((t) => t.requiresGrad)).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';
import { liveTensors, persist, type Scope, scope, scoped, tensor } from './index.ts';

const made = () => tensor(Float32Array.of(1, 2, 3));

describe('scopes', () => {
  it('keep takes lists, and hands over to the scope around', () => {
    const before = liveTensors();
    const outer = scope();
    const inner = scope();
    const [a, b] = inner.keep([made(), made()] as const);
    made();
    inner[Symbol.dispose]();
    expect(liveTensors()).toBe(before + 2);
    expect([a.isFreed(), b.isFreed()]).toEqual([false, false]);
    outer[Symbol.dispose]();
    expect([a.isFreed(), b.isFreed()]).toEqual([true, true]);
    expect(liveTensors()).toBe(before);
  });

  it('scoped returns one tensor or a list, and frees the rest also where it throws', () => {
    const before = liveTensors();
    const pair = scoped(() => [made(), made().add(1)]);
    expect(liveTensors()).toBe(before + 2);
    for (const t of pair) t.free();
    expect(() =>
      scoped(() => {
        made();
        throw new Error('thrown through');
      }),
    ).toThrow('thrown through');
    expect(liveTensors()).toBe(before);
  });

  it('keep leaves alone what another scope owns', () => {
    using outer = scope();
    const a = made();
    {
      using inner = scope();
      inner.keep(a);
    }
    expect(a.isFreed()).toBe(false);
    outer.keep(a);
    a.free();
  });

  it('persist takes a tensor out of every scope', () => {
    const before = liveTensors();
    let state: ReturnType<typeof made>;
    {
      using _outer = scope();
      {
        using _inner = scope();
        state = persist(made().mul(2));
      }
      {
        using _later = scope();
      }
    }
    expect(liveTensors()).toBe(before + 1);
    expect([...(state.toTyped() as Float32Array)]).toEqual([2, 4, 6]);
    state.free();
    expect(liveTensors()).toBe(before);
  });

  it('a scope that is not the innermost cannot end, and nothing of it is freed; ending twice does no harm', () => {
    const before = liveTensors();
    const outer = scope();
    const a = made();
    const inner = scope();
    const b = made();
    expect(() => outer[Symbol.dispose]()).toThrow(/reverse order/);
    expect([a.isFreed(), b.isFreed()]).toEqual([false, false]);
    inner[Symbol.dispose]();
    inner[Symbol.dispose]();
    expect([a.isFreed(), b.isFreed()]).toEqual([false, true]);
    outer[Symbol.dispose]();
    expect(liveTensors()).toBe(before);
  });

  it('a scope that has ended keeps nothing', () => {
    let ended: Scope;
    {
      using s = scope();
      ended = s;
    }
    const a = made();
    expect(() => ended.keep(a)).toThrow(/has ended/);
    a.free();
  });

  it('handles that were freed by hand in a scope do no harm', () => {
    const before = liveTensors();
    {
      using s = scope();
      const a = made();
      a.free();
      s.keep(a);
    }
    expect(liveTensors()).toBe(before);
  });
});

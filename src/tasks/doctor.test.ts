import { describe, expect, it } from 'vitest';
import { blasOf } from './doctor.ts';
import { parseCpuInfo } from './machine.ts';

describe('parseCpuInfo', () => {
  const processor = (index: number, core: number, socket = 0) =>
    `processor\t: ${index}\nmodel name\t: Some CPU @ 2 GHz\nphysical id\t: ${socket}\ncore id\t\t: ${core}\nflags\t\t: fpu avx2 fma avx512f avx512_bf16 sse\n`;

  it('counts two hyper-threads of a core once, and the same core of two sockets twice', () => {
    const text = [processor(0, 0), processor(1, 1), processor(2, 0), processor(3, 1), processor(4, 0, 1)].join('\n');
    expect(parseCpuInfo(text)).toEqual({
      model: 'Some CPU @ 2 GHz',
      physicalCores: 3,
      logicalCores: 5,
      features: ['avx2', 'fma', 'avx512f', 'avx512_bf16'],
    });
  });

  it('counts processors where no core is named, as on Arm', () => {
    const text = [0, 1].map((index) => `processor\t: ${index}\nFeatures\t: fp asimd bf16\nCPU part\t: 0xd40\n`).join('\n');
    expect(parseCpuInfo(text)).toEqual({ model: '0xd40', physicalCores: 2, logicalCores: 2, features: ['asimd', 'bf16'] });
  });
});

describe('blasOf', () => {
  it('names MKL, OpenBLAS or the reference, with oneDNN', () => {
    const wheel =
      '- Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build 20240605\n - Intel(R) MKL-DNN v3.12.0 (Git Hash 80)\n - CPU capability usage: AVX512\n - BLAS_INFO=mkl, X';
    expect(blasOf(wheel, false)).toBe('MKL 2024.2, oneDNN 3.12.0, code for AVX512');
    const debian = ' - Intel(R) MKL-DNN v2.7.2\n - BLAS_INFO=generic, X';
    expect(blasOf(debian, true)).toBe('OpenBLAS, oneDNN 2.7.2');
    expect(blasOf(debian, false)).toBe('reference BLAS, oneDNN 2.7.2');
  });
});

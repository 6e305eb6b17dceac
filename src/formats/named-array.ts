/** Typed views of the arrays that the formats carry as bytes. All machines that libtorch runs on are little-endian. */
import type { NamedArray } from './safetensors.ts';

export type ArrayElements = Float64Array | Float32Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array;

/** The bytes at a multiple of `size`, copied only where they are not. */
function aligned(data: Uint8Array, size: number): Uint8Array {
  return data.byteOffset % size === 0 ? data : data.slice();
}

/** IEEE 754 binary16 to a double, exactly. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function halvesToFloats(bits: Uint16Array): Float32Array {
  const floats = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) floats[i] = halfToNumber(bits[i]!);
  return floats;
}

/** bfloat16 is the upper half of a float32. */
function brainsToFloats(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

/**
 * The elements, flat, row-major. A view of the same memory where it can be; F16 and BF16 are widened to float32, BOOL comes as
 * bytes 0 and 1.
 */
export function typedArrayOf(array: NamedArray): ArrayElements {
  const { dtype, data } = array;
  const view = <T>(make: new (buffer: ArrayBufferLike, offset: number, length: number) => T, size: number): T => {
    const bytes = aligned(data, size);
    return new make(bytes.buffer, bytes.byteOffset, bytes.length / size);
  };
  switch (dtype) {
    case 'F64':
      return view(Float64Array, 8);
    case 'F32':
      return view(Float32Array, 4);
    case 'F16':
      return halvesToFloats(view(Uint16Array, 2));
    case 'BF16':
      return brainsToFloats(view(Uint16Array, 2));
    case 'I64':
      return view(BigInt64Array, 8);
    case 'I32':
      return view(Int32Array, 4);
    case 'I16':
      return view(Int16Array, 2);
    case 'I8':
      return view(Int8Array, 1);
    case 'U8':
    case 'BOOL':
      return data;
  }
}

/** Element types of tensors, by PyTorch's names. */
export type DType = 'float32' | 'float64' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'int16' | 'int8' | 'uint8' | 'bool';

/** `cpu`, or `cuda:N` for the N-th GPU. */
export type Device = 'cpu' | `cuda:${number}`;

/** Order of a 4-dimensional tensor's memory: `contiguous` is NCHW, `channels_last` is NHWC. */
export type MemoryFormat = 'contiguous' | 'channels_last' | 'preserve';

export type TypedArray = Float32Array | Float64Array | Int32Array | Int16Array | Int8Array | Uint8Array | BigInt64Array;

// Typed arrays in and out, with and without a copy.
#include "engine.h"

#include <cstring>

namespace dssn {

struct TypedMemory {
  void* data;
  size_t length;  // elements
  at::ScalarType type;
};

static at::ScalarType scalarTypeOf(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array: return at::kFloat;
    case napi_float64_array: return at::kDouble;
    case napi_int32_array: return at::kInt;
    case napi_int16_array: return at::kShort;
    case napi_int8_array: return at::kChar;
    case napi_uint8_array:
    case napi_uint8_clamped_array: return at::kByte;
    case napi_bigint64_array: return at::kLong;
    default: TORCH_CHECK(false, "this kind of typed array has no dtype; allowed: Float32, Float64, BigInt64, Int32, Int16, Int8, Uint8");
  }
}

// Works for arrays over a SharedArrayBuffer too, which the C++ wrapper's classes refuse.
static TypedMemory memoryOf(Napi::Value value) {
  TORCH_CHECK(value.IsTypedArray(), "expected a typed array");
  TypedMemory memory;
  napi_typedarray_type type;
  napi_get_typedarray_info(value.Env(), value, &type, &memory.length, &memory.data, nullptr, nullptr);
  memory.type = scalarTypeOf(type);
  return memory;
}

static void checkLength(const std::vector<int64_t>& shape, size_t length) {
  TORCH_CHECK(c10::multiply_integers(shape) == int64_t(length), "shape ", at::IntArrayRef(shape), " does not hold the array's ", length, " elements");
}

// fromTyped(array, shape, share): share = the tensor uses the array's own memory, which must not be transferred meanwhile:
// only a SharedArrayBuffer cannot be.
static Napi::Value fromTyped(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  state(env)->releases->drain(env);
  return guarded(env, "fromTyped", [&]() -> Napi::Value {
    auto memory = memoryOf(info[0]);
    auto shape = toIntegers(info[1]);
    checkLength(shape, memory.length);
    auto options = at::TensorOptions(memory.type);
    if (!(info[2].IsBoolean() && bool(info[2].As<Napi::Boolean>())))
      return TensorHandle::make(env, at::from_blob(memory.data, shape, options).clone(), "fromTyped");
    TORCH_CHECK(!info[0].As<Napi::Object>().Get("buffer").IsArrayBuffer(), "only memory of a SharedArrayBuffer can be shared");
    napi_ref reference;
    napi_create_reference(env, info[0], 1, &reference);
    auto releases = state(env)->releases;
    auto tensor = at::from_blob(memory.data, shape, [reference, releases](void*) { releases->push(reference); }, options);
    return TensorHandle::make(env, std::move(tensor), "fromTyped");
  });
}

// fromBytes(bytes, dtype, shape): a copy of raw little-endian memory, for dtypes that JavaScript lacks.
static Napi::Value fromBytes(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "fromBytes", [&]() -> Napi::Value {
    auto memory = memoryOf(info[0]);
    TORCH_CHECK(memory.type == at::kByte, "expected a Uint8Array");
    auto dtype = dtypeOf(info[1].As<Napi::String>());
    auto shape = toIntegers(info[2]);
    auto tensor = at::empty(shape, at::TensorOptions(dtype));
    TORCH_CHECK(tensor.nbytes() == memory.length, "shape ", at::IntArrayRef(shape), " of ", dtypeName(dtype), " takes ", tensor.nbytes(), " bytes, got ", memory.length);
    if (memory.length) std::memcpy(tensor.data_ptr(), memory.data, memory.length);
    return TensorHandle::make(env, std::move(tensor), "fromBytes");
  });
}

static at::Tensor onHost(Napi::Value value) { return TensorHandle::get(value).detach().to(at::kCPU).contiguous(); }

static Napi::Value toTyped(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "toTyped", [&]() -> Napi::Value {
    auto tensor = onHost(info[0]);
    auto type = tensor.scalar_type();
    if (type == at::kHalf || type == at::kBFloat16) tensor = tensor.to(type = at::kFloat);
    auto fill = [&](auto array) -> Napi::Value {
      if (tensor.numel()) std::memcpy(array.Data(), tensor.data_ptr(), tensor.nbytes());
      return array;
    };
    size_t n = tensor.numel();
    switch (type) {
      case at::kFloat: return fill(Napi::Float32Array::New(env, n));
      case at::kDouble: return fill(Napi::Float64Array::New(env, n));
      case at::kInt: return fill(Napi::Int32Array::New(env, n));
      case at::kShort: return fill(Napi::Int16Array::New(env, n));
      case at::kChar: return fill(Napi::Int8Array::New(env, n));
      case at::kByte:
      case at::kBool: return fill(Napi::Uint8Array::New(env, n));
      case at::kLong: return fill(Napi::BigInt64Array::New(env, n));
      default: TORCH_CHECK(false, "no typed array holds ", dtypeName(type));
    }
  });
}

static Napi::Value toBytes(const Napi::CallbackInfo& info) {
  auto env = info.Env();
  return guarded(env, "toBytes", [&]() -> Napi::Value {
    auto tensor = onHost(info[0]);
    auto bytes = Napi::Uint8Array::New(env, tensor.nbytes());
    if (tensor.numel()) std::memcpy(bytes.Data(), tensor.data_ptr(), tensor.nbytes());
    return bytes;
  });
}

static Napi::Value item(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "item", [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), TensorHandle::get(info[0]).item().toDouble());
  });
}

void initMemory(Napi::Env env, Napi::Object exports) {
  auto add = [&](const char* name, Napi::Value (*f)(const Napi::CallbackInfo&)) { exports.Set(name, Napi::Function::New(env, f, name)); };
  add("fromTyped", fromTyped);
  add("fromBytes", fromBytes);
  add("toTyped", toTyped);
  add("toBytes", toBytes);
  add("item", item);
}

}  // namespace dssn

// JavaScript values <-> IValues, guided by the operator's schema.
#include "engine.h"

#include <ATen/core/jit_type.h>

#include <cmath>
#include <utility>

namespace dssn {

using c10::IValue;
using c10::TypeKind;
using c10::TypePtr;

static const std::pair<const char*, at::ScalarType> kDtypes[] = {
    {"float32", at::kFloat}, {"float64", at::kDouble}, {"float16", at::kHalf}, {"bfloat16", at::kBFloat16}, {"int64", at::kLong},
    {"int32", at::kInt},     {"int16", at::kShort},    {"int8", at::kChar},    {"uint8", at::kByte},        {"bool", at::kBool}};

at::ScalarType dtypeOf(const std::string& name) {
  for (auto& entry : kDtypes)
    if (name == entry.first) return entry.second;
  TORCH_CHECK(false, "unknown dtype '", name, "'");
}

std::string dtypeName(at::ScalarType type) {
  for (auto& entry : kDtypes)
    if (type == entry.second) return entry.first;
  return c10::toString(type);
}

at::MemoryFormat memoryFormatOf(const std::string& name) {
  if (name == "contiguous") return at::MemoryFormat::Contiguous;
  if (name == "channels_last") return at::MemoryFormat::ChannelsLast;
  if (name == "preserve") return at::MemoryFormat::Preserve;
  TORCH_CHECK(false, "unknown memory format '", name, "', allowed: contiguous, channels_last, preserve");
}

static int64_t fromBigInt(Napi::Value value) {
  bool lossless = false;
  auto number = value.As<Napi::BigInt>().Int64Value(&lossless);
  TORCH_CHECK(lossless, "does not fit into 64 bits");
  return number;
}

int64_t toInteger(Napi::Value value) {
  if (value.IsBigInt()) return fromBigInt(value);
  if (value.IsBoolean()) return bool(value.As<Napi::Boolean>());
  TORCH_CHECK(value.IsNumber(), "expected an integer");
  double number = value.As<Napi::Number>();
  TORCH_CHECK(std::floor(number) == number && std::abs(number) <= 9007199254740992.0, "expected an integer, got ", number);
  return int64_t(number);
}

std::vector<int64_t> toIntegers(Napi::Value value) {
  TORCH_CHECK(value.IsArray(), "expected an array of integers");
  auto list = value.As<Napi::Array>();
  std::vector<int64_t> numbers(list.Length());
  for (uint32_t k = 0; k < numbers.size(); k++) numbers[k] = toInteger(list[k]);
  return numbers;
}

static c10::Scalar toScalar(Napi::Value value) {
  if (value.IsBoolean()) return c10::Scalar(bool(value.As<Napi::Boolean>()));
  if (value.IsBigInt()) return c10::Scalar(fromBigInt(value));
  TORCH_CHECK(value.IsNumber(), "expected a number");
  double number = value.As<Napi::Number>();
  if (std::floor(number) == number && std::abs(number) <= 9007199254740992.0) return c10::Scalar(int64_t(number));
  return c10::Scalar(number);
}

static IValue toList(Napi::Value value, const TypePtr& element, c10::optional<int32_t> length) {
  // SymInt[] arguments accept lists of int.
  c10::impl::GenericList list(element->kind() == TypeKind::SymIntType ? TypePtr(c10::IntType::get()) : element);
  if (!value.IsArray()) {  // `int[2] stride=1`: one number stands for all
    TORCH_CHECK(length, "expected an array");
    for (int k = 0; k < *length; k++) list.push_back(toIValue(value, element));
    return IValue(list);
  }
  auto array = value.As<Napi::Array>();
  list.reserve(array.Length());
  for (uint32_t k = 0; k < array.Length(); k++) list.push_back(toIValue(array[k], element));
  return IValue(list);
}

IValue toIValue(Napi::Value value, const TypePtr& type, c10::optional<int32_t> length) {
  switch (type->kind()) {
    case TypeKind::OptionalType:
      if (value.IsNull() || value.IsUndefined()) return IValue();
      return toIValue(value, type->castRaw<c10::OptionalType>()->getElementType(), length);
    case TypeKind::TensorType: return IValue(TensorHandle::get(value));
    case TypeKind::NumberType: return IValue(toScalar(value));
    case TypeKind::IntType:
    case TypeKind::SymIntType: return IValue(toInteger(value));
    case TypeKind::FloatType:
      TORCH_CHECK(value.IsNumber(), "expected a number");
      return IValue(double(value.As<Napi::Number>()));
    case TypeKind::BoolType:
      TORCH_CHECK(value.IsBoolean(), "expected a boolean");
      return IValue(bool(value.As<Napi::Boolean>()));
    case TypeKind::StringType:
      TORCH_CHECK(value.IsString(), "expected a string");
      return IValue(std::string(value.As<Napi::String>()));
    case TypeKind::ScalarTypeType:
      TORCH_CHECK(value.IsString(), "expected the name of a dtype");
      return IValue(int64_t(dtypeOf(value.As<Napi::String>())));
    case TypeKind::DeviceObjType:
      TORCH_CHECK(value.IsString(), "expected a device");
      return IValue(c10::Device(std::string(value.As<Napi::String>())));
    case TypeKind::MemoryFormatType:
      TORCH_CHECK(value.IsString(), "expected the name of a memory format");
      return IValue(int64_t(memoryFormatOf(value.As<Napi::String>())));
    case TypeKind::ListType: return toList(value, type->castRaw<c10::ListType>()->getElementType(), length);
    default: TORCH_CHECK(false, "cannot convert a JavaScript value to ", type->str());
  }
}

template <class List>
static Napi::Value fromList(Napi::Env env, const List& list, const char* madeBy) {
  auto array = Napi::Array::New(env, list.size());
  for (size_t k = 0; k < list.size(); k++) array[uint32_t(k)] = fromIValue(env, IValue(list[k]), madeBy);
  return array;
}

Napi::Value fromIValue(Napi::Env env, IValue&& value, const char* madeBy) {
  if (value.isTensor()) {
    auto tensor = std::move(value).toTensor();
    if (!tensor.defined()) return env.Null();
    return TensorHandle::make(env, std::move(tensor), madeBy);
  }
  if (value.isNone()) return env.Null();
  if (value.isInt()) {
    int64_t number = value.toInt();
    if (std::abs(number) <= 9007199254740991LL) return Napi::Number::New(env, double(number));
    return Napi::BigInt::New(env, number);
  }
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isString()) return Napi::String::New(env, value.toStringRef());
  if (value.isList()) return fromList(env, value.toListRef(), madeBy);
  if (value.isTuple()) return fromList(env, value.toTupleRef().elements().vec(), madeBy);
  TORCH_CHECK(false, "cannot convert a result of type ", value.tagKind());
}

}  // namespace dssn

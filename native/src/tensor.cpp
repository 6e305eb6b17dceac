// The tensor handle: lifetime, and the properties that need no operator.
#include "engine.h"

namespace dssn {

// Tells our objects from every other: a wrong `this` is a TypeError, not a crash.
static const napi_type_tag kTag = {0x6473736e54656e73ULL, 0x9d2c5680efc60000ULL};

void ReleaseQueue::push(napi_ref reference) {
  std::lock_guard<std::mutex> lock(mutex);
  references.push_back(reference);
  waiting.store(true, std::memory_order_release);
}

void ReleaseQueue::drain(Napi::Env env) {
  if (!waiting.load(std::memory_order_acquire)) return;
  std::vector<napi_ref> dead;
  {
    std::lock_guard<std::mutex> lock(mutex);
    dead.swap(references);
    waiting = false;
  }
  for (auto reference : dead) napi_delete_reference(env, reference);
}

TensorHandle::TensorHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) { info.This().As<Napi::Object>().TypeTag(&kTag); }

void TensorHandle::release(Napi::Env env) {
  if (!tensor.defined()) return;
  tensor.reset();
  if (auto* s = state(env)) s->live--;
  if (bytes_) {
    Napi::MemoryManagement::AdjustExternalMemory(env, -bytes_);
    bytes_ = 0;
  }
}

Napi::Value TensorHandle::make(Napi::Env env, at::Tensor tensor, const char* madeBy) {
  auto object = state(env)->tensorClass.New({});
  auto* handle = Unwrap(object);
  handle->bytes_ = tensor.has_storage() ? int64_t(tensor.storage().nbytes()) : 0;
  handle->tensor = std::move(tensor);
  handle->madeBy = madeBy;
  state(env)->live++;
  if (handle->bytes_) Napi::MemoryManagement::AdjustExternalMemory(env, handle->bytes_);
  return object;
}

bool TensorHandle::isHandle(Napi::Value value) { return value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&kTag); }

TensorHandle* TensorHandle::unwrap(Napi::Value value) {
  if (!isHandle(value)) throw Napi::TypeError::New(value.Env(), "expected a Tensor");
  return Unwrap(value.As<Napi::Object>());
}

at::Tensor& TensorHandle::get(Napi::Value value) {
  auto* handle = unwrap(value);
  if (!handle->tensor.defined())
    throw Napi::Error::New(value.Env(), std::string("use after free of a tensor made by ") + handle->madeBy);
  return handle->tensor;
}

Napi::Function TensorHandle::define(Napi::Env env) {
  using Info = Napi::CallbackInfo;
  auto cls = DefineClass(env, "TensorHandle", {});
  auto prototype = cls.Get("prototype").As<Napi::Object>();
  auto method = [&](const char* name, Napi::Value (*f)(const Info&)) { prototype.Set(name, Napi::Function::New(env, f, name)); };

  method("sizes", [](const Info& i) -> Napi::Value {
    auto sizes = get(i.This()).sizes();
    auto list = Napi::Array::New(i.Env(), sizes.size());
    for (uint32_t k = 0; k < sizes.size(); k++) list[k] = double(sizes[k]);
    return list;
  });
  method("strides", [](const Info& i) -> Napi::Value {
    auto strides = get(i.This()).strides();
    auto list = Napi::Array::New(i.Env(), strides.size());
    for (uint32_t k = 0; k < strides.size(); k++) list[k] = double(strides[k]);
    return list;
  });
  method("dtypeName", [](const Info& i) -> Napi::Value { return Napi::String::New(i.Env(), dtypeName(get(i.This()).scalar_type())); });
  method("deviceName", [](const Info& i) -> Napi::Value { return Napi::String::New(i.Env(), get(i.This()).device().str()); });
  method("free", [](const Info& i) -> Napi::Value {
    unwrap(i.This())->release(i.Env());
    return i.Env().Undefined();
  });
  method("isFreed", [](const Info& i) -> Napi::Value { return Napi::Boolean::New(i.Env(), !unwrap(i.This())->tensor.defined()); });
  method("madeBy", [](const Info& i) -> Napi::Value { return Napi::String::New(i.Env(), unwrap(i.This())->madeBy); });
  method("getRequiresGrad", [](const Info& i) -> Napi::Value { return Napi::Boolean::New(i.Env(), get(i.This()).requires_grad()); });
  method("setRequiresGrad", [](const Info& i) -> Napi::Value {
    return guarded(i.Env(), "requiresGrad", [&]() -> Napi::Value {
      get(i.This()).set_requires_grad(bool(i[0].As<Napi::Boolean>()));
      return i.This();
    });
  });
  method("isLeaf", [](const Info& i) -> Napi::Value { return Napi::Boolean::New(i.Env(), get(i.This()).is_leaf()); });
  method("getGrad", [](const Info& i) -> Napi::Value {
    auto& grad = get(i.This()).mutable_grad();
    return grad.defined() ? make(i.Env(), grad, "grad") : i.Env().Null();
  });
  method("setGrad", [](const Info& i) -> Napi::Value {
    get(i.This()).mutable_grad() = i[0].IsNull() ? at::Tensor() : get(i[0]);
    return i.Env().Undefined();
  });
  method("isContiguous", [](const Info& i) -> Napi::Value {
    auto format = i[0].IsString() ? memoryFormatOf(i[0].As<Napi::String>()) : at::MemoryFormat::Contiguous;
    return Napi::Boolean::New(i.Env(), get(i.This()).is_contiguous(format));
  });
  return cls;
}

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new State());
  auto handle = TensorHandle::define(env);
  state(env)->tensorClass = Napi::Persistent(handle);
  exports.Set("TensorHandle", handle);
  exports.Set("setTensorClass", Napi::Function::New(env, [](const Napi::CallbackInfo& i) {
    state(i.Env())->tensorClass = Napi::Persistent(i[0].As<Napi::Function>());
  }));
  exports.Set("liveTensors", Napi::Function::New(env, [](const Napi::CallbackInfo& i) -> Napi::Value {
    return Napi::Number::New(i.Env(), double(state(i.Env())->live));
  }));
  initDispatcher(env, exports);
  initMemory(env, exports);
  initAutograd(env, exports);
  initRuntime(env, exports);
  return exports;
}

}  // namespace dssn

static Napi::Object initAddon(Napi::Env env, Napi::Object exports) { return dssn::init(env, exports); }
NODE_API_MODULE(dssn_native, initAddon)

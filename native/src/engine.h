// What every file of the addon shares: the tensor handle, the one road of errors into JavaScript, and per-environment state.
#pragma once
#include <napi.h>
#include <ATen/ATen.h>
#include <torch/csrc/api/include/torch/version.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#define TORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

namespace dssn {

// References to JavaScript memory that a tensor shared. A tensor may die on any thread, a reference must be released on
// JavaScript's: the deleter queues it here, the next call drains the queue.
struct ReleaseQueue {
  std::mutex mutex;
  std::vector<napi_ref> references;
  std::atomic<bool> waiting{false};
  void push(napi_ref reference);
  void drain(Napi::Env env);
};

struct Operator;

struct State {
  Napi::FunctionReference tensorClass;  // the class whose instances results become: TypeScript's subclass of TensorHandle
  std::unordered_map<std::string, std::shared_ptr<Operator>> operators;
  std::shared_ptr<ReleaseQueue> releases = std::make_shared<ReleaseQueue>();
  int64_t live = 0;  // handles that hold a tensor
};
inline State* state(Napi::Env env) { return env.GetInstanceData<State>(); }

// The JavaScript object that owns one reference to a tensor.
class TensorHandle : public Napi::ObjectWrap<TensorHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Value make(Napi::Env env, at::Tensor tensor, const char* madeBy);
  static bool isHandle(Napi::Value value);
  static TensorHandle* unwrap(Napi::Value value);
  static at::Tensor& get(Napi::Value value);

  explicit TensorHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override { release(env); }
  void release(Napi::Env env);

  at::Tensor tensor;
  const char* madeBy = "nothing";  // points at an operator's label, which lives as long as the addon

 private:
  int64_t bytes_ = 0;  // what was reported to V8
};

// Runs f; whatever C++ throws becomes one JavaScript Error that begins with the operator's name.
template <class F>
auto guarded(Napi::Env env, const std::string& where, F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const Napi::Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw Napi::Error::New(env, where + ": " + error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, where + ": " + error.what());
  } catch (...) {
    throw Napi::Error::New(env, where + ": unknown C++ exception");
  }
}

// convert.cpp
at::ScalarType dtypeOf(const std::string& name);
std::string dtypeName(at::ScalarType type);
at::MemoryFormat memoryFormatOf(const std::string& name);
int64_t toInteger(Napi::Value value);
std::vector<int64_t> toIntegers(Napi::Value value);
c10::IValue toIValue(Napi::Value value, const c10::TypePtr& type, c10::optional<int32_t> length = c10::nullopt);
Napi::Value fromIValue(Napi::Env env, c10::IValue&& value, const char* madeBy);

// Each adds its functions to the addon's exports.
void initDispatcher(Napi::Env env, Napi::Object exports);
void initMemory(Napi::Env env, Napi::Object exports);
void initAutograd(Napi::Env env, Napi::Object exports);
void initRuntime(Napi::Env env, Napi::Object exports);

}  // namespace dssn

// Threads, devices, memory and versions of the engine.
#include "engine.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <malloc.h>
#include <unistd.h>

#include <csignal>

namespace dssn {

// On processors that NNPACK does not know, the engine warns at every float64 convolution; it is never the faster way here.
// Older engines have no such switch, and none of the warnings: the second form serves them.
template <typename Context>
auto switchOffNnpack(Context& context, int) -> decltype(context.setUserEnabledNNPACK(false)) {
  context.setUserEnabledNNPACK(false);
}
template <typename Context>
void switchOffNnpack(Context&, long) {}

// A step may keep the main thread busy for minutes, and JavaScript hears of no signal before it ends. The first one is passed on to
// it; the second ends the process here, at once, as a kill would: what is on the disk is whole at any moment.
static volatile sig_atomic_t signalsSeen = 0;
static struct sigaction handlersBefore[NSIG];

static void onSignal(int number) {
  if (signalsSeen++ > 0) _exit(128 + number);
  const auto& before = handlersBefore[number];
  if (before.sa_handler != SIG_IGN && before.sa_handler != SIG_DFL) return before.sa_handler(number);
  if (before.sa_handler == SIG_DFL) _exit(128 + number);
}

static void endAtSecondSignal() {
  for (int number : {SIGINT, SIGTERM}) {
    struct sigaction present {};
    if (sigaction(number, nullptr, &present) != 0 || present.sa_handler == onSignal || (present.sa_flags & SA_SIGINFO) != 0) continue;
    handlersBefore[number] = present;
    struct sigaction ours {};
    ours.sa_handler = onSignal;
    ours.sa_flags = SA_RESTART;
    sigfillset(&ours.sa_mask);
    sigaction(number, &ours, nullptr);
  }
}

static void endAtSecondSignalNoMore() {
  for (int number : {SIGINT, SIGTERM}) {
    struct sigaction present {};
    if (sigaction(number, nullptr, &present) == 0 && present.sa_handler == onSignal) sigaction(number, &handlersBefore[number], nullptr);
  }
  signalsSeen = 0;
}

void initRuntime(Napi::Env env, Napi::Object exports) {
  using Info = Napi::CallbackInfo;
  auto add = [&](const char* name, Napi::Value (*f)(const Info&)) { exports.Set(name, Napi::Function::New(env, f, name)); };
  switchOffNnpack(at::globalContext(), 0);
#ifdef __GLIBC__
  // A step's tensors are megabytes, made and freed alike every step. By its defaults glibc returns them to the system each time and
  // faults them in anew: a quarter of a step's processor time (docs/log.md). Another allocator, preloaded, ignores this.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
  exports.Set("version", Napi::String::New(env, TORCH_VERSION));
  add("setThreads", [](const Info& i) -> Napi::Value {
    return guarded(i.Env(), "setThreads", [&]() -> Napi::Value {
      auto n = toInteger(i[0]);
      TORCH_CHECK(n >= 1, "expected at least 1 thread, got ", n);
      at::set_num_threads(int(n));
      return i.Env().Undefined();
    });
  });
  add("threads", [](const Info& i) -> Napi::Value { return Napi::Number::New(i.Env(), at::get_num_threads()); });
  add("endAtSecondSignal", [](const Info& i) -> Napi::Value {
    i[0].ToBoolean() ? endAtSecondSignal() : endAtSecondSignalNoMore();
    return i.Env().Undefined();
  });
  add("manualSeed", [](const Info& i) -> Napi::Value {
    return guarded(i.Env(), "manualSeed", [&]() -> Napi::Value {
      at::manual_seed(uint64_t(toInteger(i[0])));
      return i.Env().Undefined();
    });
  });
  add("parallelInfo", [](const Info& i) -> Napi::Value { return Napi::String::New(i.Env(), at::get_parallel_info()); });
  add("buildConfig", [](const Info& i) -> Napi::Value { return Napi::String::New(i.Env(), at::show_config()); });
  add("cudaDevices", [](const Info& i) -> Napi::Value {
    return guarded(i.Env(), "cudaDevices", [&]() -> Napi::Value {
      return Napi::Number::New(i.Env(), at::hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0);
    });
  });
  add("synchronize", [](const Info& i) -> Napi::Value {
    return guarded(i.Env(), "synchronize", [&]() -> Napi::Value {
      c10::Device device{std::string(i[0].As<Napi::String>())};
      if (device.is_cuda()) at::detail::getCUDAHooks().deviceSynchronize(device.has_index() ? device.index() : 0);
      return i.Env().Undefined();
    });
  });
}

}  // namespace dssn

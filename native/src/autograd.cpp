// Gradient mode, autocast, backward, and the one custom function: 3x3 convolution with dilation.
#include "engine.h"

#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace dssn {

// ---------- autocast, across the engines' versions
static void setAutocast(c10::DeviceType device, bool enabled, at::ScalarType dtype) {
#if TORCH_AT_LEAST(2, 4)
  at::autocast::set_autocast_dtype(device, dtype);
  at::autocast::set_autocast_enabled(device, enabled);
#else
  if (device == c10::DeviceType::CPU) {
    at::autocast::set_autocast_cpu_dtype(dtype);
    at::autocast::set_cpu_enabled(enabled);
  } else {
    at::autocast::set_autocast_gpu_dtype(dtype);
    at::autocast::set_enabled(enabled);
  }
#endif
}

static bool autocastEnabled(c10::DeviceType device) {
#if TORCH_AT_LEAST(2, 4)
  return at::autocast::is_autocast_enabled(device);
#else
  return device == c10::DeviceType::CPU ? at::autocast::is_cpu_enabled() : at::autocast::is_enabled();
#endif
}

static at::ScalarType autocastDtype(c10::DeviceType device) {
#if TORCH_AT_LEAST(2, 4)
  return at::autocast::get_autocast_dtype(device);
#else
  return device == c10::DeviceType::CPU ? at::autocast::get_autocast_cpu_dtype() : at::autocast::get_autocast_gpu_dtype();
#endif
}

// ---------- dilated 3x3 convolution
// oneDNN's weight gradient of a convolution with large dilation runs at a twentieth of its speed without. The same sum, tap by
// tap: d/dw[o, c, ky, kx] = sum over n, y, x of g[n, o, y, x] * input[n, c, y + (ky - 1) d, x + (kx - 1) d], a product of two
// matrices of the parts that overlap; a tap that only meets padding is zero and costs nothing.
static at::Tensor weightGradientByTaps(const at::Tensor& g, const at::Tensor& input, const at::Tensor& weight, int64_t d) {
  auto result = at::zeros({3, 3, weight.size(0), weight.size(1)}, weight.options());
  int64_t height = input.size(2), width = input.size(3);
  for (int64_t ky = 0; ky < 3; ky++) {
    for (int64_t kx = 0; kx < 3; kx++) {
      int64_t dy = (ky - 1) * d, dx = (kx - 1) * d;
      int64_t rows = height - std::abs(dy), columns = width - std::abs(dx);
      if (rows <= 0 || columns <= 0) continue;
      auto outputs = g.narrow(2, std::max<int64_t>(0, -dy), rows).narrow(3, std::max<int64_t>(0, -dx), columns);
      auto inputs = input.narrow(2, std::max<int64_t>(0, dy), rows).narrow(3, std::max<int64_t>(0, dx), columns);
      // channels last: [N, rows, columns, C] -> [N * rows * columns, C]
      auto a = outputs.permute({0, 2, 3, 1}).reshape({-1, g.size(1)});
      auto b = inputs.permute({0, 2, 3, 1}).reshape({-1, input.size(1)});
      auto out = result[ky][kx];
      at::mm_out(out, a.t(), b);
    }
  }
  return result.permute({2, 3, 0, 1}).contiguous(weight.suggest_memory_format());
}

static at::Tensor onlyGradient(const at::Tensor& g, const at::Tensor& input, const at::Tensor& weight, int64_t d, bool ofWeight) {
  auto gradients = at::convolution_backward(g, input, weight, c10::nullopt, {1, 1}, {d, d}, {d, d}, false, {0, 0}, 1,
                                            {!ofWeight, ofWeight, false});
  return ofWeight ? std::get<1>(gradients) : std::get<0>(gradients);
}

// Which way is faster on the CPU was measured (docs/log.md, "Weight gradient of dilated convolutions"): taps always in half
// precision, in float32 where they skip much, always in float64, which oneDNN does not know. A rule of shapes alone, never of
// times: a resumed run must take the same way.
static bool tapsAreFaster(const at::Tensor& input, int64_t d) {
  if (!input.device().is_cpu()) return false;
  if (input.scalar_type() != at::kFloat) return true;
  return 5 * d >= 2 * std::min(input.size(2), input.size(3));
}

struct DilatedConvolution : torch::autograd::Function<DilatedConvolution> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input, const at::Tensor& weight, int64_t d) {
    context->save_for_backward({input, weight});
    context->saved_data["dilation"] = d;
    return at::conv2d(input, weight, {}, 1, at::IntArrayRef{d, d}, at::IntArrayRef{d, d});
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    auto saved = context->get_saved_variables();
    auto &input = saved[0], &weight = saved[1];
    int64_t d = context->saved_data["dilation"].toInt();
    auto g = gradients[0].contiguous(input.suggest_memory_format());
    at::Tensor ofInput, ofWeight;
    if (context->needs_input_grad(0)) ofInput = onlyGradient(g, input, weight, d, false);
    if (context->needs_input_grad(1))
      ofWeight = tapsAreFaster(input, d) ? weightGradientByTaps(g, input, weight, d) : onlyGradient(g, input, weight, d, true);
    return {ofInput, ofWeight, at::Tensor()};
  }
};

static at::Tensor dilatedConvolution(at::Tensor input, at::Tensor weight, int64_t d) {
  TORCH_CHECK(input.dim() == 4 && weight.dim() == 4 && weight.size(2) == 3 && weight.size(3) == 3 && input.size(1) == weight.size(1),
              "expected input [N, C, H, W] and weight [O, C, 3, 3], got ", input.sizes(), " and ", weight.sizes());
  auto device = input.device().type();
  if (!autocastEnabled(device)) return DilatedConvolution::apply(input, weight, d);
  // A custom function is invisible to autocast: cast outside it, then run it without the autocast key, else backward meets mixed types.
  auto dtype = autocastDtype(device);
  input = at::autocast::cached_cast(dtype, input, device);
  weight = at::autocast::cached_cast(dtype, weight, device);
  c10::impl::ExcludeDispatchKeyGuard off(c10::DispatchKeySet{c10::DispatchKey::AutocastCPU, c10::DispatchKey::AutocastCUDA});
  return DilatedConvolution::apply(input, weight, d);
}

// ---------- exports
static Napi::Value backward(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), "backward", [&]() -> Napi::Value {
    torch::autograd::variable_list gradients;
    if (TensorHandle::isHandle(info[1])) gradients.push_back(TensorHandle::get(info[1]));
    torch::autograd::backward({TensorHandle::get(info[0])}, gradients);
    return info.Env().Undefined();
  });
}

void initAutograd(Napi::Env env, Napi::Object exports) {
  using Info = Napi::CallbackInfo;
  auto add = [&](const char* name, Napi::Value (*f)(const Info&)) { exports.Set(name, Napi::Function::New(env, f, name)); };
  add("backward", backward);
  add("gradEnabled", [](const Info& i) -> Napi::Value { return Napi::Boolean::New(i.Env(), at::GradMode::is_enabled()); });
  add("setGradEnabled", [](const Info& i) -> Napi::Value {
    at::GradMode::set_enabled(bool(i[0].As<Napi::Boolean>()));
    return i.Env().Undefined();
  });
  // enterAutocast(device, dtype) and exitAutocast(device) come in pairs; leaving the outermost ends it and forgets the cached casts.
  add("enterAutocast", [](const Info& i) -> Napi::Value {
    return guarded(i.Env(), "autocast", [&]() -> Napi::Value {
      setAutocast(c10::Device(std::string(i[0].As<Napi::String>())).type(), true, dtypeOf(i[1].As<Napi::String>()));
      at::autocast::increment_nesting();
      return i.Env().Undefined();
    });
  });
  add("exitAutocast", [](const Info& i) -> Napi::Value {
    return guarded(i.Env(), "autocast", [&]() -> Napi::Value {
      if (at::autocast::decrement_nesting() > 0) return i.Env().Undefined();
      at::autocast::clear_cache();
      setAutocast(c10::Device(std::string(i[0].As<Napi::String>())).type(), false, at::kBFloat16);
      return i.Env().Undefined();
    });
  });
  add("dilatedConv3x3", [](const Info& i) -> Napi::Value {
    return guarded(i.Env(), "dilatedConv3x3", [&]() -> Napi::Value {
      return TensorHandle::make(i.Env(), dilatedConvolution(TensorHandle::get(i[0]), TensorHandle::get(i[1]), toInteger(i[2])), "dilatedConv3x3");
    });
  });
}

}  // namespace dssn

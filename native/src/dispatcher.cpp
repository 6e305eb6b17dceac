// Every ATen operator by its schema: operator(name, overload) gives a JavaScript function that converts, calls, converts.
#include "engine.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <sstream>

namespace dssn {

struct Operator {
  c10::OperatorHandle handle;
  std::string label;
};

static std::shared_ptr<Operator> find(Napi::Env env, const std::string& name, const std::string& overload) {
  auto label = overload.empty() ? name : name + "." + overload;
  auto& known = state(env)->operators[label];
  if (!known) known = std::make_shared<Operator>(Operator{c10::Dispatcher::singleton().findSchemaOrThrow(name.c_str(), overload.c_str()), label});
  return known;
}

static void describe(std::ostringstream& out, const c10::IValue& value) {
  if (value.isTensor()) {
    auto& tensor = value.toTensor();
    out << (tensor.defined() ? dtypeName(tensor.scalar_type()) : "undefined");
    if (tensor.defined()) out << tensor.sizes() << (tensor.device().is_cpu() ? "" : " on " + tensor.device().str());
  } else if (value.isList()) {
    auto list = value.toListRef();
    out << "[";
    for (size_t k = 0; k < list.size() && k < 6; k++) {
      if (k) out << ", ";
      describe(out, list[k]);
    }
    out << (list.size() > 6 ? ", ...]" : "]");
  } else {
    out << value;
  }
}

static std::string describe(const c10::FunctionSchema& schema, const std::vector<c10::IValue>& stack) {
  std::ostringstream out;
  for (size_t k = 0; k < stack.size(); k++) {
    out << (k ? ", " : "") << schema.arguments()[k].name() << " ";
    describe(out, stack[k]);
  }
  return out.str();
}

static Napi::Value call(const Napi::CallbackInfo& info, const Operator& op) {
  auto env = info.Env();
  const auto& schema = op.handle.schema();
  const auto& arguments = schema.arguments();
  // An older engine may not know a later argument: that is all right as long as nobody gives it.
  size_t count = info.Length();
  while (count > arguments.size() && info[count - 1].IsUndefined()) count--;
  TORCH_CHECK(count <= arguments.size(), "takes ", arguments.size(), " arguments, got ", count);
  std::vector<c10::IValue> stack;
  stack.reserve(arguments.size() + 2);
  for (size_t k = 0; k < arguments.size(); k++) {
    const auto& argument = arguments[k];
    if (k >= info.Length() || info[k].IsUndefined()) {
      if (argument.default_value()) {
        stack.push_back(*argument.default_value());
        continue;
      }
      TORCH_CHECK(argument.type()->kind() == c10::TypeKind::OptionalType, "missing argument '", argument.name(), "'");
      stack.emplace_back();
      continue;
    }
    try {
      // real_type: type() turns ScalarType and MemoryFormat into int
      stack.push_back(toIValue(info[k], argument.real_type(), argument.N()));
    } catch (const c10::Error& error) {
      TORCH_CHECK(false, "argument '", argument.name(), "': ", error.what_without_backtrace());
    } catch (const Napi::Error& error) {
      TORCH_CHECK(false, "argument '", argument.name(), "': ", error.Message());
    }
  }
  // The arguments are described only when the call fails, from copies: the call consumes the stack.
  auto given = stack;
  try {
    op.handle.callBoxed(stack);
  } catch (const c10::Error& error) {
    TORCH_CHECK(false, error.what_without_backtrace(), " (", describe(schema, given), ")");
  } catch (const std::exception& error) {
    TORCH_CHECK(false, error.what(), " (", describe(schema, given), ")");
  }
  if (stack.empty()) return env.Undefined();
  if (stack.size() == 1) return fromIValue(env, std::move(stack[0]), op.label.c_str());
  auto results = Napi::Array::New(env, stack.size());
  for (size_t k = 0; k < stack.size(); k++) results[uint32_t(k)] = fromIValue(env, std::move(stack[k]), op.label.c_str());
  return results;
}

void initDispatcher(Napi::Env env, Napi::Object exports) {
  // operator(name, overload): a function of the schema's arguments in order; `undefined` takes the schema's default.
  exports.Set("operator", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
    std::string name = info[0].As<Napi::String>(), overload = info[1].As<Napi::String>();
    return guarded(info.Env(), name, [&]() -> Napi::Value {
      auto op = find(info.Env(), name, overload);
      return Napi::Function::New(info.Env(), [op](const Napi::CallbackInfo& inner) -> Napi::Value {
        state(inner.Env())->releases->drain(inner.Env());
        return guarded(inner.Env(), op->label, [&] { return call(inner, *op); });
      }, op->label);
    });
  }));
  exports.Set("schema", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
    std::string name = info[0].As<Napi::String>(), overload = info[1].As<Napi::String>();
    return guarded(info.Env(), name, [&]() -> Napi::Value {
      std::ostringstream text;
      text << find(info.Env(), name, overload)->handle.schema();
      return Napi::String::New(info.Env(), text.str());
    });
  }));
}

}  // namespace dssn

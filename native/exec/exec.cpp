// exec(file, arguments, environment): replaces this process, as execve(2) does. `dssn` starts itself anew with it where another memory allocator is to
// be preloaded: one process stays one, so signals and exit codes need no forwarding. Node has process.execve from 22.15; this serves those before.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <vector>

#include <napi.h>

namespace {

std::vector<std::string> strings(const Napi::Array& array) {
  std::vector<std::string> result;
  for (uint32_t i = 0; i < array.Length(); i++) result.push_back(array.Get(i).ToString());
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& values) {
  std::vector<char*> result;
  for (std::string& value : values) result.push_back(value.data());
  result.push_back(nullptr);
  return result;
}

Napi::Value exec(const Napi::CallbackInfo& info) {
  const std::string file = info[0].ToString();
  std::vector<std::string> arguments = strings(info[1].As<Napi::Array>());
  std::vector<std::string> environment = strings(info[2].As<Napi::Array>());
  // libuv marks its own descriptors close-on-exec; the three standard ones must stay open.
  for (int descriptor = 0; descriptor <= 2; descriptor++) fcntl(descriptor, F_SETFD, 0);
  execve(file.c_str(), pointers(arguments).data(), pointers(environment).data());
  throw Napi::Error::New(info.Env(), std::string("execve: ") + std::strerror(errno));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("exec", Napi::Function::New(env, exec));
  return exports;
}

}  // namespace

NODE_API_MODULE(dssn_exec, init)

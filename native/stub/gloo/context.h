#pragma once
// Stand-in for the names of Gloo that c10d's public headers mention. The real code is inside libtorch_cpu.so.
#include <chrono>
#include <memory>

namespace gloo {

struct Context {
  void setTimeout(std::chrono::milliseconds timeout);
};

namespace transport {

class Device;

class UnboundBuffer {
 public:
  virtual ~UnboundBuffer() = 0;
};

}  // namespace transport
}  // namespace gloo

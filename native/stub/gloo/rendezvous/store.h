#pragma once
// Stand-in for Gloo's rendezvous store: c10d's ProcessGroupGloo.hpp derives a class from it, so the order of the virtual functions counts.
#include <chrono>
#include <string>
#include <vector>

#include <gloo/context.h>

namespace gloo {
namespace rendezvous {

struct Store {
  virtual ~Store();
  virtual void set(const std::string& key, const std::vector<char>& data) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout) = 0;
};

}  // namespace rendezvous
}  // namespace gloo

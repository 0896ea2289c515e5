// SPDX-License-Identifier: MIT
#include "kernels/replay.h"

#include <algorithm>
#include <utility>

#include "kernels/gpu.h"
#include "kernels/tracer.h"

namespace brink {

namespace {
constexpr std::size_t most_captured = 8;
}

Replay::~Replay() {
  for (const Captured& c : captured_) c.gpu->destroy(c.work);
}

void Replay::run(Device& device, std::span<void* const> memory, FunctionRef<void()> work) {
  if (device.where != Where::cuda || node_tracer(device)) return work();
  auto found = std::ranges::find_if(captured_, [&](const Captured& c) { return std::ranges::equal(c.memory, memory); });
  if (found == captured_.end()) {
    if (captured_.size() == most_captured) {
      found = std::ranges::min_element(captured_, {}, &Captured::last_used);
      found->gpu->destroy(found->work);
      captured_.erase(found);
    }
    Captured made{{memory.begin(), memory.end()}, device.gpu, nullptr, 0};
    captured_.reserve(most_captured);  // so that nothing can fail once there is a graph
    made.work = device.gpu->capture(work);
    captured_.push_back(std::move(made));
    found = captured_.end() - 1;
    ++captures_;
  }
  found->last_used = ++uses_;
  device.gpu->launch(found->work);
}

}  // namespace brink

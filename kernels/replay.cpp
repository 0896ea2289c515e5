// SPDX-License-Identifier: MIT
#include "kernels/replay.h"

#include <algorithm>

#include "kernels/cuda/context.h"
#include "kernels/cuda/runtime.h"
#include "kernels/tracer.h"

namespace brink {

namespace {
constexpr std::size_t most_captured = 8;
}

Replay::~Replay() {
  if constexpr (has_cuda)
    for (const Captured& c : captured_) (void)cuda::runtime().destroy(c.executable);
}

void Replay::run(Device& device, std::span<void* const> memory, FunctionRef<void()> work) {
  if constexpr (has_cuda) {
    if (device.where == Where::cuda && !node_tracer(device)) {
      cuda::Runtime& runtime = cuda::runtime();
      const cuda::Runtime::Stream stream = device.gpu->stream();
      auto found =
          std::ranges::find_if(captured_, [&](const Captured& c) { return std::ranges::equal(c.memory, memory); });
      if (found == captured_.end()) {
        if (captured_.size() == most_captured) {
          found = std::ranges::min_element(captured_, {}, &Captured::last_used);
          cuda::check(runtime.destroy(found->executable), "destroy");
          captured_.erase(found);
        }
        cuda::Runtime::Capture capture = nullptr;
        cuda::check(runtime.begin_capture(stream), "begin_capture");
        work();
        cuda::check(runtime.end_capture(stream, capture), "end_capture");
        captured_.push_back({{memory.begin(), memory.end()}, nullptr, 0});
        found = captured_.end() - 1;
        cuda::check(runtime.instantiate(capture, found->executable), "instantiate");
        ++captures_;
      }
      found->last_used = ++uses_;
      return cuda::check(runtime.launch(found->executable, stream), "launch");
    }
  }
  work();
}

}  // namespace brink

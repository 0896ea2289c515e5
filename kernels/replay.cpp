// SPDX-License-Identifier: MIT
#include "kernels/replay.h"

#include <algorithm>
#include <utility>

#include "kernels/cuda/context.h"
#include "kernels/cuda/runtime.h"
#include "kernels/tracer.h"

namespace brink {

namespace {
constexpr std::size_t most_captured = 8;

/// What `work` enqueues, recorded. Where work throws, the stream is as it was before.
cuda::Runtime::Capture capture_of(cuda::Runtime& runtime, cuda::Runtime::Stream stream, FunctionRef<void()> work) {
  cuda::Runtime::Capture capture = nullptr;
  cuda::check(runtime.begin_capture(stream), "begin_capture");
  try {
    work();
  } catch (...) {
    // A capture is given up by instantiating it alone.
    cuda::Runtime::Executable executable = nullptr;
    if (runtime.end_capture(stream, capture) == cuda::success && capture &&
        runtime.instantiate(capture, executable) == cuda::success)
      (void)runtime.destroy(executable);
    throw;
  }
  cuda::check(runtime.end_capture(stream, capture), "end_capture");
  return capture;
}
}  // namespace

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
        Captured made{{memory.begin(), memory.end()}, nullptr, 0};
        captured_.reserve(most_captured);  // so that nothing can fail once there is a graph
        const cuda::Runtime::Capture capture = capture_of(runtime, stream, work);
        cuda::check(runtime.instantiate(capture, made.executable), "instantiate");
        captured_.push_back(std::move(made));
        found = captured_.end() - 1;
        ++captures_;
      }
      found->last_used = ++uses_;
      return cuda::check(runtime.launch(found->executable, stream), "launch");
    }
  }
  work();
}

}  // namespace brink

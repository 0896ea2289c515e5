// SPDX-License-Identifier: MIT
// Work that is enqueued again and again with the same memory. A CUDA device captures it into a CUDA graph the first time and
// launches that from then on; on the CPU, and where single nodes are traced (tracer.h), the work runs each time.
// Captures are found by the addresses that they use. A caller whose addresses keep changing copies into fixed slots of its own
// first.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/device.h"
#include "kernels/function_ref.h"

namespace brink {

class Replay {
 public:
  Replay() = default;
  ~Replay();
  Replay(Replay&&) noexcept = default;
  Replay& operator=(Replay&&) = delete;

  /// Enqueues what `work` enqueues; work must not wait for the device. `memory`: every address that may differ between calls.
  /// If `work` throws, the stream and earlier captures stay as they were. Throws OutOfMemory, GpuError.
  void run(Device&, std::span<void* const> memory, FunctionRef<void()> work);
  /// The number of captures so far; 0 on the CPU.
  std::int64_t captures() const { return captures_; }

 private:
  struct Captured {
    std::vector<void*> memory;
    Gpu* gpu = nullptr;
    void* work = nullptr;
    std::int64_t last_used = 0;
  };
  std::vector<Captured> captured_;
  std::int64_t captures_ = 0, uses_ = 0;
};

}  // namespace brink

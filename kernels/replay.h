// SPDX-License-Identifier: MIT
// What it is: work that is enqueued again and again with the same memory. On a CUDA device it is captured into a CUDA graph the
// first time and then launched as a whole; on the CPU, and where somebody watches single nodes (tracer.h), it simply runs. What it is not: a cache of results.
// Decision: captures are found by the memory they touch. A caller with ever new memory copies into slots of its own first.
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
  /// What work throws leaves the stream and what was captured before as they were. Throws OutOfMemory, GpuError.
  void run(Device&, std::span<void* const> memory, FunctionRef<void()> work);
  /// How often something was captured; 0 on the CPU.
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

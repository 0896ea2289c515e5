// SPDX-License-Identifier: MIT
// What it is: spans as NVTX ranges, which Nsight Systems draws above the kernels and Nsight Compute filters by.
// What it is not: a record of its own; without a profiler attached a range does nothing.
// Decision: ranges go through Runtime, so a build without the toolkit has none and the tests see what is pushed.
#pragma once

#include <cstdio>

#include "kernels/cuda/runtime.h"
#include "kernels/tracer.h"

namespace brink::cuda {

class RangeTracer final : public Tracer {
 public:
  using Tracer::Tracer;
  void begin(const TraceName& name, std::int64_t number) noexcept override {
    if (name.number.empty()) return runtime().push_range(name.name.c_str());
    char text[160];
    (void)std::snprintf(text, sizeof text, "%s %lld", name.name.c_str(), static_cast<long long>(number));
    runtime().push_range(text);
  }
  void end() noexcept override { runtime().pop_range(); }
};

}  // namespace brink::cuda

// SPDX-License-Identifier: MIT
// Spans as NVTX ranges. They go through Runtime, so that tests see them.
#include <cstdio>

#include "kernels/cuda/runtime.h"
#include "kernels/gpu.h"
#include "kernels/tracer.h"

namespace brink {

namespace {
class RangeTracer final : public Tracer {
 public:
  using Tracer::Tracer;
  void begin(const TraceName& name, std::int64_t number) noexcept override {
    if (name.number.empty()) return cuda::runtime().push_range(name.name.c_str());
    char text[160];
    (void)std::snprintf(text, sizeof text, "%s %lld", name.name.c_str(), static_cast<long long>(number));
    cuda::runtime().push_range(text);
  }
  void end() noexcept override { cuda::runtime().pop_range(); }
};
}  // namespace

std::unique_ptr<Tracer> make_gpu_ranges(bool nodes) { return std::make_unique<RangeTracer>(nodes); }

}  // namespace brink

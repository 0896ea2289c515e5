// SPDX-License-Identifier: MIT
#include "kernels/stopwatch.h"

#include <limits>

#include "kernels/cuda/context.h"

namespace brink {

Stopwatch::Stopwatch(const Device& device) {
  if constexpr (has_cuda) {
    if (device.where != Where::cuda || device.count) return;
    gpu_ = device.gpu;
    for (void** e : {&from_, &to_}) cuda::check(cuda::runtime().create_event(*e, cuda::EventUse::time), "create_event");
  }
}

Stopwatch::~Stopwatch() {
  if constexpr (has_cuda)
    for (void* e : {from_, to_})
      if (e) (void)cuda::runtime().destroy_event(e);
}

void Stopwatch::reset() {
  collect();
  ms_ = 0;
}

void Stopwatch::start() {
  if constexpr (has_cuda)
    if (gpu_) {
      collect();
      if (cuda::runtime().record(from_, gpu_->stream()) != cuda::success)
        ms_ = std::numeric_limits<double>::quiet_NaN();
      return;
    }
  since_ = Clock::now();
}

void Stopwatch::stop() {
  if constexpr (has_cuda)
    if (gpu_) {
      if (cuda::runtime().record(to_, gpu_->stream()) != cuda::success) ms_ = std::numeric_limits<double>::quiet_NaN();
      open_ = true;
      return;
    }
  ms_ += std::chrono::duration<double, std::milli>(Clock::now() - since_).count();
}

double Stopwatch::ms() {
  collect();
  return ms_;
}

void Stopwatch::collect() {
  if constexpr (has_cuda) {
    if (!open_) return;
    open_ = false;
    float ms = 0;
    cuda::Status s = cuda::runtime().elapsed(ms, from_, to_);
    if (s == cuda::not_ready) {
      s = cuda::runtime().wait(to_);
      if (s == cuda::success) s = cuda::runtime().elapsed(ms, from_, to_);
    }
    ms_ += s == cuda::success ? static_cast<double>(ms) : std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace brink

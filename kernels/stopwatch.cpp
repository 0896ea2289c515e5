// SPDX-License-Identifier: MIT
#include "kernels/stopwatch.h"

#include <limits>

#include "kernels/gpu.h"

namespace brink {

Stopwatch::Stopwatch(const Device& device) : gpu_(device.where == Where::cuda && !device.count ? device.gpu : nullptr) {
  if (!gpu_) return;
  for (void** e : {&from_, &to_}) *e = gpu_->create_event(EventUse::time);
}

Stopwatch::~Stopwatch() {
  for (void* e : {from_, to_})
    if (e) gpu_->destroy_event(e);
}

void Stopwatch::reset() {
  collect();
  ms_ = 0;
}

void Stopwatch::start() {
  if (!gpu_) {
    since_ = Clock::now();
    return;
  }
  collect();
  if (gpu_->record(from_) != 0) ms_ = std::numeric_limits<double>::quiet_NaN();
}

void Stopwatch::stop() {
  if (!gpu_) {
    ms_ += std::chrono::duration<double, std::milli>(Clock::now() - since_).count();
    return;
  }
  if (gpu_->record(to_) != 0) ms_ = std::numeric_limits<double>::quiet_NaN();
  open_ = true;
}

double Stopwatch::ms() {
  collect();
  return ms_;
}

void Stopwatch::collect() {
  if (!open_) return;
  open_ = false;
  float ms = 0;
  const bool known = gpu_->elapsed(ms, from_, to_) == 0;
  ms_ += known ? static_cast<double>(ms) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace brink

// SPDX-License-Identifier: MIT
#include "kernels/scalars.h"

#include <cassert>
#include <stdexcept>
#include <utility>

#include "kernels/gpu.h"

namespace brink {

Delivery::Delivery(const Device& device, std::int64_t bytes) {
  if (device.where != Where::cuda || device.count) return;
  gpu_ = device.gpu;
  pinned_ = gpu_->allocate_pinned(bytes > 0 ? bytes : 1);
  try {
    arrived_ = gpu_->create_event(EventUse::wait);
  } catch (...) {
    gpu_->release_pinned(pinned_);
    throw;
  }
}

Delivery::~Delivery() {
  if (arrived_) gpu_->destroy_event(arrived_);
  if (pinned_) gpu_->release_pinned(pinned_);
}

Delivery::Delivery(Delivery&& other) noexcept { *this = std::move(other); }
Delivery& Delivery::operator=(Delivery&& other) noexcept {
  std::swap(gpu_, other.gpu_);
  std::swap(pinned_, other.pinned_);
  std::swap(arrived_, other.arrived_);
  std::swap(mark_, other.mark_);
  std::swap(sent_, other.sent_);
  return *this;
}

void Delivery::send(View from) {
  sent_ = from;
  if (!gpu_) return;
  gpu_->copy(pinned_, from.data, from.bytes());
  mark_ = gpu_->mark(arrived_);
  sent_.data = pinned_;
}

View Delivery::receive() {
  if (!sent_.data) throw std::logic_error("[delivery] receive() was called before send()");
  if (gpu_) gpu_->wait(arrived_, mark_);
  return sent_;
}

Scalars::Scalars(const Device& device, std::int64_t count)
    : memory_({count}, Dtype::f64, device), delivery_(device, count * size_of(Dtype::f64)) {}

void Scalars::send(std::int64_t first, std::int64_t count) {
  assert(first >= 0 && count >= 0 && first + count <= memory_.view().shape.elements());
  delivery_.send(view_of((*this)[first].at, {count}));
}

}  // namespace brink

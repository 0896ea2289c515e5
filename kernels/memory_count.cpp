// SPDX-License-Identifier: MIT
#include "kernels/memory_count.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/saturated.h"

namespace brink {

MemoryCount::MemoryCount(std::int64_t host_bytes, std::int64_t device_bytes, Where device)
    : names_{"what was allocated before"} {
  for (const auto& [w, before] : {std::pair(Where::cpu, host_bytes), std::pair(device, device_bytes)})
    at(w) = {before, before, {before}, {before}};
}

Device MemoryCount::on(const Device& device) {
  Device counting = device;
  counting.count = this;
  return counting;
}

std::int64_t MemoryCount::bytes(Where w) const {
  std::int64_t sum = 0;
  for (const std::int64_t part : at(w).parts) sum = saturated_sum(sum, part);
  return sum;
}

void MemoryCount::forget_most() {
  for (const Where w : {Where::cpu, Where::cuda}) {
    at(w).most = bytes(w);
    at(w).parts_at_most = at(w).parts;
  }
}

MemoryCount::Part MemoryCount::largest_part(Where w) const {
  const std::vector<std::int64_t>& parts = at(w).parts_at_most;
  const auto largest = std::ranges::max_element(parts);
  return largest == parts.end() ? Part{} : Part{names_[static_cast<std::size_t>(largest - parts.begin())], *largest};
}

std::size_t MemoryCount::index_of(const std::string& name) {
  const auto found = std::ranges::find(names_, name);
  const auto index = static_cast<std::size_t>(found - names_.begin());
  if (found == names_.end()) names_.push_back(name);
  return index;
}

std::unique_ptr<MemoryCount, MemoryCount::Return> MemoryCount::take(Where w, std::int64_t bytes) {
  Total& total = at(w);
  total.parts.resize(names_.size());
  total.parts[current_] = saturated_sum(total.parts[current_], bytes);
  if (const std::int64_t now = this->bytes(w); now >= total.most) {
    total.most = now;
    total.parts_at_most = total.parts;
  }
  return {this, {w, current_, bytes}};
}

void MemoryCount::give(const Return& r) {
  std::int64_t& part = at(r.where).parts[r.part];
  if (part < std::numeric_limits<std::int64_t>::max()) part -= r.bytes;  // a part that has overflowed is not reduced
}

CountedPart::CountedPart(const Device& device, const std::string& name) : count_(device.count) {
  if (!count_) return;
  before_ = count_->current_;
  count_->current_ = count_->index_of(name);
}

CountedPart::~CountedPart() {
  if (count_) count_->current_ = before_;
}

}  // namespace brink

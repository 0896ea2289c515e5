// SPDX-License-Identifier: MIT
// What it is: device memory of exactly the bytes asked for between two guards; for tests of single kernels.
// What it is not: what programs use (memory.h): there buffers are neighbours, and a write past one may go unseen.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/memory.h"

namespace brink {

class Guarded {
 public:
  Guarded(const Device& device, Shape shape, Dtype dtype)
      : device_(device),
        bytes_(static_cast<std::size_t>(shape.elements() * size_of(dtype))),
        memory_(Shape{static_cast<std::int64_t>(bytes_) + 2 * guard_bytes}, Dtype::u8, device),
        image_(static_cast<std::size_t>(memory_.view().bytes()), guard_byte) {
    view_ = {static_cast<char*>(memory_.view().data) + guard_bytes, shape, dtype};
  }
  const View& view() const { return view_; }

  void set(const void* contents) {
    if (bytes_ > 0) std::memcpy(image_.data() + guard_bytes, contents, bytes_);
    copy(device_, memory_.view(), view_of(image_.data(), memory_.view().shape));
    synchronize(device_);
  }
  /// What a new buffer would hold.
  void set_poison() {
    const Buffer fresh(static_cast<std::int64_t>(bytes_));
    set(fresh.data());
  }
  /// Fetches; true when both guards are whole.
  bool fetch() {
    found_.resize(image_.size());
    copy(device_, view_of(found_.data(), memory_.view().shape), memory_.view());
    synchronize(device_);
    return std::equal(found_.begin(), found_.begin() + guard_bytes, image_.begin()) &&
           std::equal(found_.end() - guard_bytes, found_.end(), image_.end() - guard_bytes);
  }
  /// After fetch: whether the contents are these, or are what they were set to.
  bool holds(const void* contents) const {
    return bytes_ == 0 || std::memcmp(found_.data() + guard_bytes, contents, bytes_) == 0;
  }
  bool is_unchanged() const { return found_ == image_; }
  const void* found() const { return found_.data() + guard_bytes; }

 private:
  static constexpr std::int64_t guard_bytes = 1024;
  static constexpr std::uint8_t guard_byte = 0xFA;  // four or eight of them: a large negative number

  Device device_;
  std::size_t bytes_;
  Array memory_;
  std::vector<std::uint8_t> image_, found_;
  View view_;
};

}  // namespace brink

// SPDX-License-Identifier: MIT
// Device memory of exactly the requested bytes between two guards, for tests of single kernels. (In memory.h buffers are
// neighbours, so a write past one may go unnoticed.)
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/cuda/context.h"
#include "kernels/memory.h"

namespace brink {

class Guarded {
 public:
  Guarded(const Device& device, Shape shape, Dtype dtype)
      : device_(device),
        bytes_(static_cast<std::size_t>(shape.elements() * size_of(dtype))),
        image_(bytes_ + 2 * static_cast<std::size_t>(guard_bytes), guard_byte),
        memory_(view_of(static_cast<std::uint8_t*>(device.gpu->allocate(static_cast<std::int64_t>(image_.size()))),
                        {static_cast<std::int64_t>(image_.size())})) {
    view_ = {static_cast<char*>(memory_.data) + guard_bytes, shape, dtype};
  }
  ~Guarded() { device_.gpu->release(memory_.data); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  const View& view() const { return view_; }

  void set(const void* contents) {
    if (bytes_ > 0) std::memcpy(image_.data() + guard_bytes, contents, bytes_);
    copy(device_, memory_, view_of(image_.data(), memory_.shape));
    synchronize(device_);
  }
  /// Writes the guards only; between them is uninitialised memory from the device's allocator.
  void set_guards() {
    for (const std::int64_t at : {std::int64_t{0}, guard_bytes + static_cast<std::int64_t>(bytes_)})
      copy(device_, guard(memory_.data, at), guard(image_.data(), at));
    synchronize(device_);
  }
  /// Fills the buffer as a new one would be.
  void set_poison() {
    const Buffer fresh(static_cast<std::int64_t>(bytes_));
    set(fresh.data());
  }
  /// True when both guards are whole. Reads nothing between them.
  bool guards_are_whole() {
    std::vector<std::uint8_t> found(image_.size(), guard_byte);
    for (const std::int64_t at : {std::int64_t{0}, guard_bytes + static_cast<std::int64_t>(bytes_)})
      copy(device_, guard(found.data(), at), guard(memory_.data, at));
    synchronize(device_);
    return std::ranges::all_of(found, [](std::uint8_t b) { return b == guard_byte; });
  }
  /// Fetches; true when both guards are whole.
  bool fetch() {
    found_.resize(image_.size());
    copy(device_, view_of(found_.data(), memory_.shape), memory_);
    synchronize(device_);
    return std::equal(found_.begin(), found_.begin() + guard_bytes, image_.begin()) &&
           std::equal(found_.end() - guard_bytes, found_.end(), image_.end() - guard_bytes);
  }
  /// After fetch: whether the contents are these, or what they were set to.
  bool holds(const void* contents) const {
    return bytes_ == 0 || std::memcmp(found_.data() + guard_bytes, contents, bytes_) == 0;
  }
  bool is_unchanged() const { return found_ == image_; }
  const void* found() const { return found_.data() + guard_bytes; }
  template <class T>
  std::span<const T> numbers() const {
    return {static_cast<const T*>(found()), bytes_ / sizeof(T)};
  }

 private:
  static constexpr std::int64_t guard_bytes = 1024;
  static constexpr std::uint8_t guard_byte = 0xFA;  // four or eight of them: a large negative number

  static View guard(void* memory, std::int64_t at) {
    return view_of(static_cast<std::uint8_t*>(memory) + at, {guard_bytes});
  }

  Device device_;
  std::size_t bytes_;
  std::vector<std::uint8_t> image_, found_;
  View memory_;
  View view_;
};

}  // namespace brink

// SPDX-License-Identifier: MIT
// Adds up the memory that objects would take, without taking it: on a device that has a count (Device::count) a buffer is counted and
// holds no memory. The same constructors therefore predict and allocate. Nothing may be computed on such a device.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device.h"

namespace brink {

class MemoryCount {
 public:
  /// Memory of one purpose.
  struct Part {
    std::string name;
    std::int64_t bytes = 0;
  };

  /// Starts from the bytes that are allocated now, on the device and on the host; they are a part of their own.
  MemoryCount(std::int64_t host_bytes, std::int64_t device_bytes, Where device);
  /// `device`, on which buffers are counted here. The count must outlive whatever is made on it.
  Device on(const Device& device);

  /// Bytes taken from the host's memory or from the GPU's, those included that were allocated before. At most 2⁶³ − 1.
  std::int64_t bytes(Where) const;
  /// Of these, the bytes that are counted only.
  std::int64_t counted_bytes(Where w) const { return bytes(w) - at(w).before; }
  /// The largest value that bytes(…) has had.
  std::int64_t most_bytes(Where w) const { return at(w).most; }
  /// Sets most_bytes back to what bytes(…) is now.
  void forget_most();
  /// The largest part when most_bytes was reached.
  Part largest_part(Where) const;

  /// Gives counted bytes back.
  struct Return {
    Where where = Where::cpu;
    std::size_t part = 0;
    std::int64_t bytes = 0;
    void operator()(MemoryCount* count) const { count->give(*this); }
  };
  /// Counts bytes, as of the current part, for as long as the result lives.
  std::unique_ptr<MemoryCount, Return> take(Where, std::int64_t bytes);

 private:
  friend class CountedPart;
  struct Total {
    std::int64_t before = 0, most = 0;
    std::vector<std::int64_t> parts, parts_at_most;  // bytes, in the order of names_
  };
  Total& at(Where w) { return totals_[static_cast<std::size_t>(w)]; }
  const Total& at(Where w) const { return totals_[static_cast<std::size_t>(w)]; }
  std::size_t index_of(const std::string& name);
  void give(const Return&);

  std::vector<std::string> names_;
  std::size_t current_ = 0;
  std::array<Total, 2> totals_;  // by Where
};

/// Names the memory that is counted on the device while it lives. Where several live, the last one counts.
class CountedPart {
 public:
  CountedPart(const Device&, const std::string& name);
  ~CountedPart();
  CountedPart(const CountedPart&) = delete;
  CountedPart& operator=(const CountedPart&) = delete;

 private:
  MemoryCount* count_;
  std::size_t before_ = 0;
};

}  // namespace brink

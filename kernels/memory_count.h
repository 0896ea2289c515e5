// SPDX-License-Identifier: MIT
// Adds up the memory that objects would take, without allocating it: on a device with a count (Device::count) a buffer is
// counted and holds no memory. So the same constructors predict and allocate. Nothing may be computed on such a device.
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

  /// Starts from the bytes that are allocated now, on the device and on the host, as a part of their own.
  MemoryCount(std::int64_t host_bytes, std::int64_t device_bytes, Where device);
  /// `device` as one on which this object counts buffers. The count must outlive whatever is made on it.
  Device on(const Device& device);

  /// Bytes of the host's memory or of the GPU's, including those that were allocated before. At most 2⁶³ − 1.
  std::int64_t bytes(Where) const;
  /// The part of bytes(…) that is counted only.
  std::int64_t counted_bytes(Where w) const { return bytes(w) - at(w).before; }
  /// The largest value that bytes(…) has had.
  std::int64_t most_bytes(Where w) const { return at(w).most; }
  /// Sets most_bytes back to the present value of bytes(…).
  void forget_most();
  /// The largest part when most_bytes was reached.
  Part largest_part(Where) const;

  /// Takes counted bytes off again.
  struct Return {
    Where where = Where::cpu;
    std::size_t part = 0;
    std::int64_t bytes = 0;
    void operator()(MemoryCount* count) const { count->give(*this); }
  };
  /// Counts bytes, in the current part, while the result lives.
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

/// Names the part in which memory on the device is counted while this object lives. Of several such objects the last one counts.
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

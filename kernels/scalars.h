// SPDX-License-Identifier: MIT
// What it is: how numbers and arrays of a device come to the host without a wait for each: kernels leave float64 numbers in slots of
// the device's memory, where later kernels take them from, and one transfer brings many, while the device goes on.
// What it is not: arithmetic; which kernel finds a number is the rooms' affair. Decision: what was sent can be seen by receiving it
// alone, and a wait is for what was enqueued before the sending and for nothing behind it.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/device.h"
#include "kernels/memory.h"

namespace brink {

/// Where a kernel leaves a float64 number, or the first of several in a row: memory of the device.
struct Scalar {
  double* at = nullptr;
  friend Scalar operator+(Scalar s, std::int64_t i) { return {s.at + i}; }
};

/// Bytes of the device's memory on their way to the host, through memory that the device reaches by itself. On the CPU nothing is
/// copied.
class Delivery {
 public:
  Delivery() = default;
  /// Room for `bytes`. Throws OutOfMemory, GpuError.
  Delivery(const Device&, std::int64_t bytes);
  ~Delivery();
  Delivery(Delivery&&) noexcept;
  Delivery& operator=(Delivery&&) noexcept;

  /// `from` starts on its way; enqueued. It must stay as it is until it is received, unless what changes it is enqueued later on a
  /// CUDA device.
  void send(View from);
  /// What was sent last, in host memory; waits until it is there. Valid until the next `send`.
  /// Throws std::logic_error where nothing was sent.
  View receive();

 private:
  Gpu* gpu_ = nullptr;
  void *pinned_ = nullptr, *arrived_ = nullptr;  // arrived_: the event behind the copy
  std::int64_t mark_ = 0;                        // its place among the context's marks
  View sent_;
};

/// Numbers that kernels leave in the device's memory, and that the host reads together.
class Scalars {
 public:
  Scalars(const Device&, std::int64_t count);

  Scalar operator[](std::int64_t i) const { return Scalar{memory_.view().as<double>()} + i; }
  /// Numbers first … first + count start on their way; enqueued.
  void send(std::int64_t first, std::int64_t count);
  /// Those sent last; waits for them. Valid until the next `send`.
  std::span<const double> receive() { return delivery_.receive().span<double>(); }
  /// send and receive.
  std::span<const double> read(std::int64_t first, std::int64_t count) {
    send(first, count);
    return receive();
  }

 private:
  Array memory_;
  Delivery delivery_;
};

}  // namespace brink

// SPDX-License-Identifier: MIT
// Brings numbers and arrays of a device to the host without a wait for each: kernels leave float64 numbers in slots of the
// device's memory, later kernels read them there, and one transfer brings many while the device continues.
// A value that was sent is visible only through `receive`, which waits for what was enqueued before `send` and for nothing
// after it.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/device.h"
#include "kernels/memory.h"

namespace brink {

/// Where a kernel leaves a float64 number, or the first of several contiguous ones: memory of the device.
struct Scalar {
  double* at = nullptr;
  friend Scalar operator+(Scalar s, std::int64_t i) { return {s.at + i}; }
};

/// Transfers bytes of the device's memory to the host, through host memory that the device can access. On the CPU nothing is
/// copied.
class Delivery {
 public:
  Delivery() = default;
  /// Room for `bytes`. Throws OutOfMemory, GpuError.
  Delivery(const Device&, std::int64_t bytes);
  ~Delivery();
  Delivery(Delivery&&) noexcept;
  Delivery& operator=(Delivery&&) noexcept;

  /// Starts the transfer of `from`; enqueued. `from` must not change until it is received, except by work that is enqueued
  /// later on a CUDA device.
  void send(View from);
  /// What was sent last, in host memory; waits until it is there. Valid until the next `send`.
  /// Throws std::logic_error where nothing was sent.
  View receive();

 private:
  Gpu* gpu_ = nullptr;
  void *pinned_ = nullptr, *arrived_ = nullptr;  // arrived_: the event after the copy
  std::int64_t mark_ = 0;                        // its place among the context's marks
  View sent_;
};

/// Numbers that kernels leave in the device's memory and that the host reads together.
class Scalars {
 public:
  Scalars(const Device&, std::int64_t count);

  Scalar operator[](std::int64_t i) const { return Scalar{memory_.view().as<double>()} + i; }
  /// Starts the transfer of numbers first … first + count − 1; enqueued.
  void send(std::int64_t first, std::int64_t count);
  /// The numbers sent last; waits for them. Valid until the next `send`.
  std::span<const double> receive() { return delivery_.receive().span<double>(); }
  /// `send` and `receive` in one call.
  std::span<const double> read(std::int64_t first, std::int64_t count) {
    send(first, count);
    return receive();
  }

 private:
  Array memory_;
  Delivery delivery_;
};

}  // namespace brink

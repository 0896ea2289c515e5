// SPDX-License-Identifier: MIT
// Owned, aligned memory of a device, and copies between devices. Nothing is allocated here while a program runs.
// Memory is the host's unless a device is named, so code that only the host runs names none.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "kernels/device.h"
#include "kernels/memory_count.h"
#include "kernels/view.h"

namespace brink {

/// Alignment of every buffer and of every value in an arena: one cache line, one AVX-512 register.
inline constexpr std::int64_t alignment_bytes = 64;

constexpr std::int64_t align_up(std::int64_t n, std::int64_t a) { return (n + a - 1) / a * a; }

/// What new buffers are filled with. The tests set it to 0xFF or a NaN pattern to show that nothing is read before it is
/// written (docs/promises.md, B11). BRINK_POISON=00|ff|nan in the environment sets it too.
enum class Poison : unsigned char { zero, ones, nan };
Poison poison();
void set_poison(Poison);

/// Returns memory to where it came from.
struct FreeMemory {
  Gpu* gpu = nullptr;  ///< null: host memory
  std::int64_t bytes = 0;
  void operator()(void* p) const;
};

/// The bytes that a buffer takes of the memory of a CPU or a GPU: whole units of allocation.
std::int64_t room_of(std::int64_t bytes, Where);

/// Movable, aligned bytes, filled with the poison pattern. On a device with a count they are counted and hold no memory: data()
/// is null. Throws OutOfMemory.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t bytes, const Device& = {});
  void* data() const { return data_.get(); }
  std::int64_t bytes() const { return bytes_; }
  template <class T>
  std::span<T> span() const {
    return {static_cast<T*>(data()), static_cast<std::size_t>(bytes_) / sizeof(T)};
  }

 private:
  std::unique_ptr<void, FreeMemory> data_;
  std::unique_ptr<MemoryCount, MemoryCount::Return> counted_;
  std::int64_t bytes_ = 0;
};

/// The bytes that live buffers take of the device's memory, or of the host's; on a device with a count also the counted ones.
std::int64_t allocated_bytes(const Device&);
/// A count that starts from what is allocated now, on the device and on the host.
MemoryCount count_memory(const Device&);

/// An owned array with a shape.
class Array {
 public:
  Array() = default;
  Array(Shape shape, Dtype dtype, const Device& device = {})
      : buffer_(bytes_of(shape, dtype), device), view_{buffer_.data(), shape, dtype} {}
  const View& view() const { return view_; }
  template <class T>
  std::span<T> span() const {
    return view_.span<T>();
  }

 private:
  Buffer buffer_;
  View view_;
};

/// An array whose elements are +0.
Array zeros(Shape shape, Dtype dtype, const Device& = {});

// On a device with a count these do nothing.

/// to = from. Both are in memory of `device` or of the host and have equal sizes. Enqueued; on a CUDA device host memory must
/// not change until the next `synchronize`.
void copy(Device&, View to, View from);
/// All bytes zero: +0 of every type. Enqueued.
void set_zero(Device&, View);
/// Waits until everything enqueued is done; returns at once on the CPU.
void synchronize(Device&);
/// Copies float64 scalars from the device's memory; waits.
void fetch(Device&, std::span<double> to, View from);
/// A copy in host memory, or in the device's; waits.
Array to_host(Device&, View);
Array to_device(Device&, View);

struct OutOfMemory : std::bad_alloc {
  explicit OutOfMemory(std::int64_t needed, std::int64_t free = -1) : needed_bytes(needed), free_bytes(free) {}
  const char* what() const noexcept override { return "out of memory"; }
  std::int64_t needed_bytes;  ///< −1: unknown, because the device's runtime took it
  std::int64_t free_bytes;    ///< of the device's memory; −1: unknown, of the host's
};

}  // namespace brink

// SPDX-License-Identifier: MIT
// What it is: owned, aligned memory. What it is not: an allocator used while a program runs; everything is sized before.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "kernels/view.h"

namespace brink {

/// Alignment of every buffer and of every value in an arena: one cache line, one AVX-512 register.
inline constexpr std::int64_t alignment_bytes = 64;

constexpr std::int64_t align_up(std::int64_t n, std::int64_t a) { return (n + a - 1) / a * a; }

/// What new buffers are filled with; the tests set it to 0xFF or a NaN pattern to show that nothing is read before it is
/// written (promise B11). Also taken from BRINK_POISON=00|ff|nan in the environment.
enum class Poison : unsigned char { zero, ones, nan };
Poison poison();
void set_poison(Poison);

/// Bytes, aligned, movable. Filled with the poison pattern. Throws OutOfMemory.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t bytes);
  void* data() const { return data_.get(); }
  std::int64_t bytes() const { return bytes_; }
  template <class T>
  std::span<T> span() const {
    return {static_cast<T*>(data()), static_cast<std::size_t>(bytes_) / sizeof(T)};
  }

 private:
  struct Free {
    void operator()(void* p) const;
  };
  std::unique_ptr<void, Free> data_;
  std::int64_t bytes_ = 0;
};

/// An owned array with a shape.
class Array {
 public:
  Array() = default;
  Array(Shape shape, Dtype dtype) : buffer_(shape.elements() * size_of(dtype)), view_{buffer_.data(), shape, dtype} {}
  const View& view() const { return view_; }
  template <class T>
  std::span<T> span() const {
    return view_.span<T>();
  }

 private:
  Buffer buffer_;
  View view_;
};

/// Sets every byte to zero: an Array whose contents start as +0.
Array zeros(Shape shape, Dtype dtype);

struct OutOfMemory : std::bad_alloc {
  explicit OutOfMemory(std::int64_t bytes) : needed_bytes(bytes) {}
  const char* what() const noexcept override { return "out of memory"; }
  std::int64_t needed_bytes;
};

}  // namespace brink

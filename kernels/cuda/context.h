// SPDX-License-Identifier: MIT
// What it is: one GPU as brink uses it: its stream, its memory, and the small buffers through which scalars come back.
// What it is not: kernels, or a choice of device at every call. Decision: one stream, so work runs in the order in which it
// was enqueued; memory comes from slabs that are taken while things are built and never while a program runs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/cuda/runtime.h"

namespace brink::cuda {

/// Why no GPU can be used, in one line that says what to do.
struct NoDevice : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Context {
 public:
  /// Opens GPU `ordinal`. Throws NoDevice: no GPU, no driver, an old driver, an architecture that this build has no code for.
  explicit Context(int ordinal = 0);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Runtime::Stream stream() const { return stream_; }
  const DeviceProperties& properties() const { return properties_; }

  /// Device memory comes in units of so many bytes, and is aligned to them.
  static constexpr std::int64_t granularity = 256;
  /// Device memory. Throws brink::OutOfMemory with needed and free bytes.
  void* allocate(std::int64_t bytes);
  void release(void*) noexcept;
  /// Free bytes of the device, memory held here and not in use included.
  std::int64_t free_bytes();
  /// Bytes in use.
  std::int64_t allocated_bytes() const;

  void copy(void* to, const void* from, std::int64_t bytes);  ///< enqueued, any direction
  void fill(void* to, int byte, std::int64_t bytes);          ///< enqueued
  void synchronize();
  /// Puts an event into the stream; its place among all that were put there.
  std::int64_t mark(Runtime::Event);
  /// Waits until the stream has come to the event's mark; asks nobody where a later wait has shown that it has.
  void wait(Runtime::Event, std::int64_t mark);

  /// Device memory for the partial results of one reduction: the next kernel may overwrite it.
  double* partials() const { return partials_; }
  static constexpr std::int64_t most_partials = std::int64_t{1} << 17;
  /// Device memory for most_fetched results on their way to a `fetch` that follows.
  double* results() const { return partials_ + most_partials; }
  /// Fetches `count` ≤ most_fetched values from device memory; waits for the stream.
  void fetch(double* to, const double* from, int count);
  static constexpr int most_fetched = 4096;

 private:
  struct Slab {
    char* memory;
    std::int64_t bytes;
  };
  struct Interval {
    char* begin;
    std::int64_t bytes;
  };
  void close() noexcept;
  void release_unused_slabs();

  DeviceProperties properties_;
  Runtime::Stream stream_ = nullptr;
  std::int64_t marks_ = 0, reached_ = 0;  // put into the stream; known to have been come to
  std::vector<Slab> slabs_;
  std::vector<Interval> free_, used_;  // ordered by address
  double *partials_ = nullptr, *pinned_ = nullptr;
};

}  // namespace brink::cuda

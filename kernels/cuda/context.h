// SPDX-License-Identifier: MIT
// One GPU as brink uses it: its stream, its memory, and the small buffers through which scalars come back.
// There is one stream, so work runs in the order in which it was enqueued. Memory comes from slabs that are allocated
// while objects are built, never while a program runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cuda/runtime.h"
#include "kernels/device.h"

namespace brink::cuda {

class Context final : public Gpu {
 public:
  /// As open_gpu.
  explicit Context(int ordinal = 0);
  ~Context() override;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const DeviceProperties& properties() const override { return properties_; }
  void* allocate(std::int64_t bytes) override;
  void release(void*) noexcept override;
  void* allocate_pinned(std::int64_t bytes) override;
  void release_pinned(void*) noexcept override;
  std::int64_t free_bytes() override;
  std::int64_t allocated_bytes() const override;
  void copy(void* to, const void* from, std::int64_t bytes) override;
  void fill(void* to, int byte, std::int64_t bytes) override;
  void synchronize() override;
  void fetch(double* to, const double* from, int count) override;
  Event create_event(EventUse) override;
  void destroy_event(Event) noexcept override;
  std::int64_t mark(Event) override;
  void wait(Event, std::int64_t mark) override;
  GpuStatus record(Event) noexcept override;
  GpuStatus elapsed(float& ms, Event from, Event to) noexcept override;
  std::string text(GpuStatus) const override;
  Captured capture(FunctionRef<void()> work) override;
  void launch(Captured) override;
  void destroy(Captured) noexcept override;

  Runtime::Stream stream() const { return stream_; }
  /// The unit of allocation of device memory, and its alignment.
  static constexpr std::int64_t granularity = gpu_granularity_bytes;
  /// Device memory for the partial results of one reduction; the next kernel may overwrite it.
  double* partials() const { return partials_; }
  static constexpr std::int64_t most_partials = std::int64_t{1} << 17;
  /// Device memory for up to most_fetched results, from where a following `fetch` takes them.
  double* results() const { return partials_ + most_partials; }
  static constexpr int most_fetched = 4096;  ///< the largest number of values in a fetch

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
  std::int64_t marks_ = 0, reached_ = 0;  // marks put into the stream; marks known to have been reached
  std::vector<Slab> slabs_;
  std::vector<Interval> free_, used_;  // ordered by address
  double *partials_ = nullptr, *pinned_ = nullptr;
};

/// The context of a device with Where::cuda.
inline Context& context(const Device& d) { return static_cast<Context&>(*d.gpu); }

}  // namespace brink::cuda

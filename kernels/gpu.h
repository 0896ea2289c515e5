// SPDX-License-Identifier: MIT
// A GPU as all code outside kernels/cuda sees it: memory, copies, events and captured work behind one interface. A build
// without CUDA has the interface and no GPU: its open_gpu (kernels/cuda/absent.cpp) throws.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "kernels/function_ref.h"

namespace brink {

class Tracer;

/// cudaError_t as the CUDA runtime numbers it; 0 is success.
using GpuStatus = int;

/// No GPU can be used; the message is one line that says why and what to do.
struct NoDevice : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A call failed. After a sticky error (an illegal address) every later call fails too: the process must end.
struct GpuError : std::runtime_error {
  GpuError(const std::string& what, GpuStatus s) : std::runtime_error(what), status(s) {}
  GpuStatus status;
};

struct DeviceProperties {
  std::string name;
  int major = 0, minor = 0;  ///< compute capability
  int multiprocessors = 0;
  std::int64_t memory_bytes = 0;
};

/// What an event is used for; events that are only waited for are cheaper.
enum class EventUse : unsigned char { wait, time };

/// The unit of allocation of device memory, and its alignment.
inline constexpr std::int64_t gpu_granularity_bytes = 256;

/// One GPU and its stream: work runs in the order in which it was enqueued. Unless stated otherwise, calls throw GpuError.
class Gpu {
 public:
  using Event = void*;     ///< a mark in the stream, and the time when the stream reached it
  using Captured = void*;  ///< work recorded once, which can be launched again and again

  Gpu() = default;
  virtual ~Gpu() = default;
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  virtual const DeviceProperties& properties() const = 0;

  /// Device memory. Throws OutOfMemory with the needed and the free bytes.
  virtual void* allocate(std::int64_t bytes) = 0;
  virtual void release(void*) noexcept = 0;
  /// Host memory that the device can access. Throws OutOfMemory.
  virtual void* allocate_pinned(std::int64_t bytes) = 0;
  virtual void release_pinned(void*) noexcept = 0;
  /// Free bytes of the device, including memory that is held here and not in use.
  virtual std::int64_t free_bytes() = 0;
  /// Bytes in use.
  virtual std::int64_t allocated_bytes() const = 0;

  virtual void copy(void* to, const void* from, std::int64_t bytes) = 0;  ///< enqueued, any direction
  virtual void fill(void* to, int byte, std::int64_t bytes) = 0;          ///< enqueued
  virtual void synchronize() = 0;
  /// Copies `count` values from device memory to the host; waits for the stream.
  virtual void fetch(double* to, const double* from, int count) = 0;

  virtual Event create_event(EventUse) = 0;
  virtual void destroy_event(Event) noexcept = 0;
  /// Puts an event into the stream; returns its position among all marks.
  virtual std::int64_t mark(Event) = 0;
  /// Waits until the stream has reached the event's mark; returns at once where an earlier wait has shown that it has.
  virtual void wait(Event, std::int64_t mark) = 0;

  /// For clocks, which must not end a run: errors are returned, not thrown.
  virtual GpuStatus record(Event) noexcept = 0;                             ///< enqueued
  virtual GpuStatus elapsed(float& ms, Event from, Event to) noexcept = 0;  ///< waits for `to`
  virtual std::string text(GpuStatus) const = 0;

  /// Records what `work` enqueues, without running it; `work` must not wait. If `work` throws, the stream is as before.
  virtual Captured capture(FunctionRef<void()> work) = 0;
  virtual void launch(Captured) = 0;  ///< enqueued
  virtual void destroy(Captured) noexcept = 0;
};

/// Opens GPU `ordinal`. Throws NoDevice: no GPU, no driver, an old driver, or a build without code for the GPU's architecture.
std::unique_ptr<Gpu> open_gpu(int ordinal = 0);

/// Spans as NVTX ranges, which Nsight Systems draws above the kernels and Nsight Compute filters by; without a profiler they do
/// nothing. `nodes`: as in Tracer. Throws NoDevice in a build without CUDA.
std::unique_ptr<Tracer> make_gpu_ranges(bool nodes);

}  // namespace brink

// SPDX-License-Identifier: MIT
// Every call that brink makes to the CUDA runtime, behind one interface.
// Tests put a fake in its place: a machine without a device, an old driver, memory that ends at the n-th allocation, an
// error that sticks, an emulated device. No CUDA header is included here, so everything but kernels/*/*.cu compiles
// without a toolkit.
#pragma once

#include <cstdint>
#include <functional>

#include "kernels/gpu.h"

namespace brink::cuda {

using Status = GpuStatus;
inline constexpr Status success = 0, out_of_memory = 2, no_device = 100, insufficient_driver = 35,
                        no_kernel_image = 209, not_ready = 600;

struct Extent3 {
  unsigned x = 1, y = 1, z = 1;
};

/// One kernel launch. `body` is set only where kernels are host functions (the emulator of the tests).
struct LaunchCall {
  const void* kernel = nullptr;
  Extent3 grid, block;
  void** arguments = nullptr;
  std::function<void()> body;
};

class Runtime {
 public:
  using Stream = void*;
  using Capture = void*;     ///< a captured sequence of work
  using Executable = void*;  ///< one that can be launched again and again
  using Event = void*;       ///< a mark in a stream, and the time when the stream reached it

  virtual ~Runtime() = default;
  virtual Status device_count(int& count) = 0;
  virtual Status use_device(int ordinal) = 0;
  virtual Status properties(int ordinal, DeviceProperties&) = 0;
  virtual Status versions(int& driver, int& runtime) = 0;  ///< 13000 means 13.0
  virtual Status memory(std::int64_t& free_bytes, std::int64_t& total_bytes) = 0;
  virtual Status allocate(void*& p, std::int64_t bytes) = 0;
  virtual Status release(void* p) = 0;
  virtual Status allocate_pinned(void*& p, std::int64_t bytes) = 0;  ///< host memory that the device can access
  virtual Status release_pinned(void* p) = 0;
  virtual Status copy(void* to, const void* from, std::int64_t bytes, Stream) = 0;  ///< any direction; enqueued
  virtual Status fill(void* to, int byte, std::int64_t bytes, Stream) = 0;          ///< enqueued
  virtual Status create_stream(Stream&) = 0;
  virtual Status destroy_stream(Stream) = 0;
  virtual Status synchronize(Stream) = 0;
  virtual Status launch(const LaunchCall&, Stream) = 0;  ///< enqueued
  virtual Status begin_capture(Stream) = 0;              ///< what is enqueued from now on is recorded, not run
  virtual Status end_capture(Stream, Capture&) = 0;
  virtual Status instantiate(Capture, Executable&) = 0;  ///< the capture is abandoned
  virtual Status launch(Executable, Stream) = 0;         ///< enqueued
  virtual Status destroy(Executable) = 0;
  virtual Status create_event(Event&, EventUse) = 0;
  virtual Status destroy_event(Event) = 0;
  virtual Status record(Event, Stream) = 0;                     ///< enqueued
  virtual Status wait(Event) = 0;                               ///< until the stream has reached it
  virtual Status elapsed(float& ms, Event from, Event to) = 0;  ///< both reached
  virtual void push_range(const char* name) = 0;                ///< NVTX: for profilers, nested on the calling thread
  virtual void pop_range() = 0;
  virtual const char* text(Status) = 0;
};

/// The runtime in use: the toolkit's, unless a test has put another in its place.
Runtime& runtime();
/// For tests, before anything is allocated. nullptr: the toolkit's runtime again.
void set_runtime(Runtime*);
/// The toolkit's runtime; defined in runtime_cuda.cu, and in the emulator by its own.
Runtime& toolkit_runtime();

/// Throws OutOfMemory, or GpuError with a text such as "[cuda] launch: an illegal memory access was encountered (700)".
void check(Status, const char* call);

}  // namespace brink::cuda

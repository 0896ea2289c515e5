// SPDX-License-Identifier: MIT
// Any runtime with added faults: a machine without a driver, memory that ends, an error that sticks. All other calls go to the
// runtime beneath.
// Faults are plain members that a test sets, and every call is counted, so "the n-th" can be found in one run and used in the
// next.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cuda/runtime.h"

namespace brink::cuda {

class FakeRuntime : public Runtime {
 public:
  /// Replaces runtime() while it lives. The default base is toolkit_runtime().
  explicit FakeRuntime(Runtime* base = nullptr);
  ~FakeRuntime() override;
  FakeRuntime(const FakeRuntime&) = delete;
  FakeRuntime& operator=(const FakeRuntime&) = delete;

  // The machine.
  bool has_driver = true;
  std::optional<int> driver_version;  ///< 12040 is 12.4; below the toolkit's major version the driver is too old
  int devices = 1;                    ///< all of them the base's device 0
  std::optional<DeviceProperties> device;
  bool has_kernel_image = true;             ///< false: the build has no code for the device's architecture …
  Status launch_refusal = no_kernel_image;  ///< … and the status of a launch then
  Status driver_refusal = success;          ///< the status of counting the devices

  // Memory; every limit ends in out_of_memory.
  std::int64_t failing_allocation = 0;  ///< the n-th from now on fails (the next is 1); 0: none. Later ones succeed
  std::optional<std::int64_t> capacity_bytes;
  std::optional<std::int64_t> largest_allocation_bytes;  ///< below 64 MiB: Context gives every buffer memory of its own

  /// Calls of a kind that end in out_of_memory, counted from 1: memory that the CUDA runtime takes for itself.
  struct Shortage {
    std::int64_t from = 0, until = 0;  ///< from ≤ n < until
    bool at(std::int64_t n) const { return from <= n && n < until; }
  };
  Shortage short_pinned, short_instantiations, short_replays, short_launches;

  /// The n-th call (1 is the next) and all later ones return `status`.
  void stick(std::int64_t n, Status status);
  /// The n-th kernel launch (1 is the next) and all calls after it return `status`.
  void stick_at_launch(std::int64_t n, Status status);

  struct Calls {
    std::int64_t all = 0, launches = 0, allocations = 0, copies = 0, fills = 0, captures = 0, replays = 0, events = 0;
    std::int64_t pinned = 0, instantiations = 0;
    std::int64_t synchronisations = 0;  ///< waits for a stream or an event
  };
  const Calls& calls() const { return calls_; }
  std::int64_t in_use_bytes() const { return in_use_bytes_; }
  int last_ordinal() const { return last_ordinal_; }
  /// Names of the ranges pushed, each with two spaces before it for every range around it.
  const std::vector<std::string>& ranges() const { return ranges_; }
  int open_ranges() const { return open_ranges_; }

  Status device_count(int& count) override;
  Status use_device(int ordinal) override;
  Status properties(int ordinal, DeviceProperties&) override;
  Status versions(int& driver, int& runtime) override;
  Status memory(std::int64_t& free_bytes, std::int64_t& total_bytes) override;
  Status allocate(void*& p, std::int64_t bytes) override;
  Status release(void* p) override;
  Status allocate_pinned(void*& p, std::int64_t bytes) override;
  Status release_pinned(void* p) override;
  Status copy(void* to, const void* from, std::int64_t bytes, Stream) override;
  Status fill(void* to, int byte, std::int64_t bytes, Stream) override;
  Status create_stream(Stream&) override;
  Status destroy_stream(Stream) override;
  Status synchronize(Stream) override;
  Status launch(const LaunchCall&, Stream) override;
  Status begin_capture(Stream) override;
  Status end_capture(Stream, Capture&) override;
  Status instantiate(Capture, Executable&) override;
  Status launch(Executable, Stream) override;
  Status destroy(Executable) override;
  Status create_event(Event&, EventUse) override;
  Status destroy_event(Event) override;
  Status record(Event, Stream) override;
  Status wait(Event) override;
  Status elapsed(float& ms, Event from, Event to) override;
  void push_range(const char* name) override;
  void pop_range() override;
  const char* text(Status) override;

 private:
  /// The sticky error, once it has occurred.
  Status begin(std::int64_t* counter = nullptr);
  bool driver_is_old();

  Runtime& base_;
  Calls calls_;
  std::int64_t sticks_at_call_ = 0, sticks_at_launch_ = 0, in_use_bytes_ = 0;
  Status stuck_ = success;
  bool struck_ = false;
  std::map<void*, std::int64_t> allocated_;
  int last_ordinal_ = 0, open_ranges_ = 0;
  std::vector<std::string> ranges_;
};

}  // namespace brink::cuda

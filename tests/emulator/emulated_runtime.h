// SPDX-License-Identifier: MIT
// The emulated GPU behind brink's runtime interface: memory with guards around it, streams, captures. Faults are in
// fake_runtime.h.
// Device memory is protected host memory: a host function that accesses it ends the process, as it would with a GPU. Work runs
// when it is enqueued or, to expose missing waits, only when it is waited for.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/cuda/runtime.h"

namespace brink::cuda {

class EmulatedRuntime final : public Runtime {
 public:
  EmulatedRuntime() = default;
  ~EmulatedRuntime() override;

  /// True: enqueued work runs at the wait for its stream or for an event after it. Copies read their source then, and the
  /// target of a copy to the host is poison until then.
  void set_deferred(bool deferred) { deferred_ = deferred; }
  /// False: the host may access device memory too.
  void set_protected(bool is_protected);
  /// The last failed launch or broken guard; text(launch_failure) includes it.
  const std::string& report() const { return report_; }
  /// Bytes allocated now.
  std::int64_t in_use_bytes() const { return in_use_bytes_; }
  static constexpr std::int64_t memory_bytes = std::int64_t{8} << 30;
  static constexpr Status invalid_value = 1, invalid_configuration = 9, launch_failure = 719;

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
  using Work = std::function<Status()>;
  struct Queue {
    std::vector<Work> pending;
    bool capturing = false;
    std::vector<Work> captured;
  };
  struct Graph {
    std::vector<Work> work;
  };
  struct Mark {
    EventUse use;
    Queue* stream = nullptr;  // where it was recorded; null: nowhere yet
    bool reached = false;
    std::chrono::steady_clock::time_point at;
  };
  struct Allocation {
    char* mapped;
    std::int64_t mapped_bytes, bytes;
  };

  Status enqueue(Stream, Work);
  /// Runs what is pending, up to a mark if one is given.
  Status drain(Queue&, const Mark* until = nullptr);
  bool is_device_memory(const void*) const;
  static void set_access(const Allocation&, bool open);
  void set_open(bool open);
  Status check_guards();
  Status check_guard(const char* memory, const Allocation&);

  bool deferred_ = false, protected_ = true, open_ = false;
  std::int64_t in_use_bytes_ = 0;
  std::map<char*, Allocation> allocations_;
  std::map<void*, std::vector<char>> pinned_;
  std::vector<Queue*> streams_;
  std::string report_, text_;
};

/// The runtime that toolkit_runtime() returns in a program linked with the emulator.
EmulatedRuntime& emulated_runtime();

}  // namespace brink::cuda

// SPDX-License-Identifier: MIT
// Records spans of all threads, and of a CUDA device, for `brink train --trace`, as a Chrome/Perfetto trace. NVTX ranges are in
// kernels/gpu.h.
// Memory for a fixed number of spans is allocated at the start. When it is used up, nothing more is recorded, so the trace is
// complete up to a moment; later spans are only counted. On a CUDA device a span has two times: when the host enqueued it, and,
// by events in the stream, when the device did it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/tracer.h"

namespace brink {

class TraceRecorder final : public Tracer {
 public:
  static constexpr std::int64_t most_spans = std::int64_t{1} << 18;
  /// Memory for `spans` spans, about 64 bytes each. The calling thread becomes the main one. A CUDA device must outlive this
  /// object.
  explicit TraceRecorder(const Device&, std::int64_t spans = most_spans);
  ~TraceRecorder() override;

  void begin(const TraceName&, std::int64_t number) noexcept override;
  void end() noexcept override;

  /// The number of spans that came after the memory was used up, or were nested more than 32 deep.
  std::int64_t dropped() const;
  /// The trace, without spans that are still open. To be called while nothing runs and all names live. About 250 bytes a span.
  /// `about`: what ran, for the reader.
  std::string json(std::string_view about);

 private:
  struct Span {
    const TraceName* name;
    std::int64_t number, begin_ns, end_ns;  // end −1: still open
    std::int64_t device_begin_ns, device_end_ns;
    int lane;
  };
  struct Lane;
  class DeviceClock;
  std::int64_t now_ns() const;
  Lane* lane() noexcept;

  const std::uint64_t identity_;
  const std::int64_t start_ns_;
  std::vector<Span> spans_;
  std::atomic<std::int64_t> taken_{0}, homeless_{0};
  std::atomic<int> lanes_taken_{0};
  std::vector<Lane> lanes_;
  std::unique_ptr<DeviceClock> clock_;
};

}  // namespace brink

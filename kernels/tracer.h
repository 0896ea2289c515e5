// SPDX-License-Identifier: MIT
// How running work reports what it does to an observer: spans with a name, begun and ended on the thread that works. Being
// observed never changes a result; clocks and files are in training/run/trace.h.
// Names are made while objects are built, and a span is two calls with a pointer, so nothing is formatted or allocated in a
// running program. Without an observer Device::tracer is null and a span costs one comparison.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/device.h"

namespace brink {

/// The name of a span. Its owner keeps it alive and unchanged until the tracer is done.
struct TraceName {
  std::string name;         ///< "dense0 matmul backward": words only, because ncu's filters give '/' and '+' a meaning
  std::string category;     ///< "backward"
  std::string shapes = {};  ///< "float32 [128,784], float32 [784,32] -> float32 [128,32]"
  std::int64_t flops = 0;
  std::string number = {};  ///< what a span's number means: "step"; empty: it has none
};

class Tracer {
 public:
  /// nodes: whether single nodes of a graph are traced. Then a CUDA device launches them one by one instead of replaying a
  /// captured graph, in which they have no names. The bits are the same.
  explicit Tracer(bool nodes) : nodes_(nodes) {}
  virtual ~Tracer() = default;
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  bool nodes() const { return nodes_; }
  /// Called from any worker; the spans of one thread nest. The name says what `number` means.
  virtual void begin(const TraceName&, std::int64_t number) noexcept = 0;
  /// Ends the span that this thread began last.
  virtual void end() noexcept = 0;

 private:
  bool nodes_;
};

/// A span that lasts as long as this object.
class Traced {
 public:
  Traced(Tracer* tracer, const TraceName& name, std::int64_t number = 0) : tracer_(tracer) {
    if (tracer_) tracer_->begin(name, number);
  }
  Traced(const Device& d, const TraceName& name, std::int64_t number = 0) : Traced(d.tracer, name, number) {}
  ~Traced() {
    if (tracer_) tracer_->end();
  }
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;

 private:
  Tracer* tracer_;
};

/// The tracer of a device if it traces single nodes, otherwise null.
inline Tracer* node_tracer(const Device& d) { return d.tracer && d.tracer->nodes() ? d.tracer : nullptr; }

}  // namespace brink

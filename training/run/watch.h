// SPDX-License-Identifier: MIT
// How a run is watched while it goes: a trace of its own, or ranges for a profiler.
#pragma once

#include <memory>
#include <string>

#include "kernels/device.h"
#include "kernels/tracer.h"
#include "training/io/console.h"
#include "training/run/trace.h"
#include "training/run/train_options.h"

namespace brink {

/// The trace recorder or the profiler's ranges that the options ask for. The device points to it, so it outlives the run.
class Watch {
 public:
  /// Throws UsageError, IoError.
  Watch(const TrainOptions&, Device&);
  /// To be called when the run folder has been made: the trace may be in it.
  void run_folder_is_there() const;
  /// Writes the trace. `about`: a description of the run for the reader.
  void finish(const std::string& about, Console&);

 private:
  /// Writes an empty trace first, so that a file that cannot be written ends the run before it begins.
  void begin() const;

  std::string file_;
  bool in_run_folder_ = false;
  std::unique_ptr<TraceRecorder> recorder_;
  std::unique_ptr<Tracer> ranges_;
};

}  // namespace brink

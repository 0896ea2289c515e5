// SPDX-License-Identifier: MIT
// How a run is to be carried out, beside its config: the folder, what is watched, where it stops.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "training/io/system.h"

namespace brink {

class Trainer;
struct Device;

/// NVTX ranges for a profiler: of the phases of a step, or also of every node of a graph (tracer.h).
enum class Ranges : unsigned char { none, phases, nodes };

struct TrainOptions {
  std::string folder;
  bool resume = false;
  std::string trace =
      {};  ///< file for a trace of the run (trace.h); empty: none. A run that ends with an error leaves it empty
  Ranges ranges = Ranges::none;
  std::int64_t stop_before =
      std::numeric_limits<std::int64_t>::max();  ///< the run is interrupted before this step, as by a signal
  bool checkpoints = true;                       ///< false: none is written
  System* system = nullptr;                      ///< for the files of the run; null: the operating system
  /// Gives the trainer of a new run its first state, of which a checkpoint is written at once; empty: the run begins at step 0.
  std::function<void(Device&, Trainer&)> begin = {};
};

}  // namespace brink

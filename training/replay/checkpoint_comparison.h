// SPDX-License-Identifier: MIT
// A checkpoint beside the state and the rows that were computed again for its step.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "training/io/record_file.h"
#include "training/replay/prepared_trainer.h"
#include "training/run/checkpoint.h"

namespace brink {

/// A checkpoint beside the state that was computed for its step.
struct CheckpointDifferences {
  std::int64_t step = 0;
  std::string path;
  std::int64_t parts = 0;  ///< tensors, numbers and texts that differ, of the trainer and of what the command remembers
  std::string first;       ///< which, where, and both values
};

/// A file of rows up to some step, by what a checkpoint remembers of it.
struct Written {
  std::int64_t bytes = 0;
  RowHash hash;
  void add(std::string_view text) {
    bytes += std::ssize(text);
    hash.add(text);
  }
};

/// The files of rows that a checkpoint remembers.
struct WrittenFiles {
  Written metrics, events;
  std::optional<Written> spectra;  // only with measure.track_above
  std::vector<std::pair<const char*, const Written*>> all() const {
    std::vector<std::pair<const char*, const Written*>> out{{"metrics", &metrics}, {"events", &events}};
    if (spectra) out.emplace_back("spectra", &*spectra);
    return out;
  }
};

/// remembered: receives what the command remembered.
CheckpointDifferences compare(const CheckpointFile& file, PreparedTrainer& prepared, SavedState& remembered);
/// Compares what the command remembered with the rows before the checkpoint, which have been computed.
void compare_remembered(CheckpointDifferences& out, const SavedState& remembered, const WrittenFiles& files);

}  // namespace brink

// SPDX-License-Identifier: MIT
// A recorded run computed again in segments between its checkpoints, several at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "training/io/console.h"
#include "training/replay/checkpoint_comparison.h"
#include "training/replay/recorded_run.h"

namespace brink {

/// What differs in one column of metrics.csv.
struct ColumnDifferences {
  std::string name;
  std::int64_t rows = 0;
  std::string first;  ///< where, and both values
};

/// The files of tensors of one kind beside what was computed for their steps.
struct TensorDifferences {
  std::string kind;
  std::int64_t files = 0;  ///< that differ or are missing
  std::string first;
};

struct Recomputed {
  std::vector<ColumnDifferences> columns;  ///< one for each column that is computed
  std::string header;                      ///< how the header differs; empty: it does not, and rows were compared
  std::string first_row;                   ///< the first difference of metrics.csv; empty: none
  std::vector<CheckpointDifferences> checkpoints;
  std::vector<TensorDifferences> tensors;  ///< one for each kind that the run writes
  std::string events;                      ///< rows of events.csv, with the header
  std::string spectra;                     ///< the same of spectra.csv; empty without measure.track_above
  std::string left_out, why_left_out;      ///< steps that cannot be computed; why, and what to do; empty: none
  std::int64_t steps = 0, segments = 0, at_once = 0;
};

/// Computes every recorded step again. Each segment begins from a checkpoint, or from step 0, and ends where the next one was
/// written. Segments are computed at once as threads and memory allow, on threads of their own. Nothing is written. Without the
/// file of model.start_file the first segment begins at the first checkpoint. Throws DataError, Error (interrupted, by a signal).
Recomputed recompute(const RecordedRun&, Console& out);

}  // namespace brink

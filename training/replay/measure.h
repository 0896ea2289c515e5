// SPDX-License-Identifier: MIT
// Measurements added to a recorded run: its steps are computed again, and the new columns are written beside its own files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "training/io/console.h"

namespace brink {

/// The folder of the tables, inside that of the run.
inline constexpr const char* measured_folder = "measured";

/// Steps first, first + every, … up to last.
struct StepRange {
  std::int64_t first = 0, last = 0, every = 1;
  bool contains(std::int64_t step) const { return step >= first && step <= last && (step - first) % every == 0; }
};
/// Of "100:200" or "100:200:10". Throws UsageError.
StepRange parse_steps(std::string_view);

struct MeasureOptions {
  std::string run;  ///< its folder
  StepRange steps;
  std::vector<std::string> sets;  ///< keys of [measure]; run.* and data.directory where they change no number
  std::vector<std::pair<std::string, std::string>> flags;
};

/// Goes to the first step as the run did, and measures from there on under the changed settings of [measure]. Every column that
/// does not depend on them is compared with metrics.csv. Writes RUN/measured/HASH.csv, row by row, and HASH.json, which describes
/// its columns. Rows of an earlier, interrupted call are compared and continued. Returns the path of the table. Throws
/// UsageError, DataError, IoError, Error (check_failed, naming step and column; interrupted, by a signal).
std::string measure_run(const MeasureOptions&, Console& out);

}  // namespace brink

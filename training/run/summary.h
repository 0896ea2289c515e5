// SPDX-License-Identifier: MIT
// What run.json says by which another process decides how the run goes on: its state, its settings, and the rows that it left.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "training/run/config.h"

namespace brink {

/// A file of rows as a run left it.
struct RecordedFile {
  std::string name;
  std::int64_t bytes = 0;
  std::string hash;  ///< XXH3-128 of its bytes, 32 hexadecimal digits
};

/// What is empty is not said, because the file is absent or broken, or because an older program wrote it.
struct RunSummary {
  std::string status;                           ///< "finished", "diverged", "interrupted", "running"
  std::string config_hash;                      ///< of the settings with which the run began
  std::map<std::string, std::string> settings;  ///< of these the values, as settings_of
  std::vector<RecordedFile> files;              ///< only of a run that came to its end

  bool is_over() const { return status == "finished" || status == "diverged"; }
};
RunSummary read_summary(const std::string& folder);

/// How the settings of a folder's config.toml differ from those with which the run began: as differing_settings, or their hashes
/// where run.json has no more. Empty: not at all, or run.json does not say.
std::string other_settings(const RunSummary&, const Config&);

enum class Compare : unsigned char { lengths, hashes };
/// The first file of rows that is not as a run left it that came to its end: "metrics.csv: expected 4096 bytes, found none". Empty:
/// all are.
std::string lost_rows(const RunSummary&, const std::string& folder, Compare = Compare::hashes);

}  // namespace brink

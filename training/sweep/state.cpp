// SPDX-License-Identifier: MIT
#include "training/sweep/state.h"

#include <fmt/format.h>

#include <filesystem>

#include "training/run/summary.h"

namespace brink::sweep {

State state_of(const std::string& folder, const std::string& hash) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder, ignored)) return State::absent;
  const RunSummary run = read_summary(folder);
  if (!run.config_hash.empty() && run.config_hash != hash) return State::other;
  // Their lengths, because this is asked often; `brink train --resume` compares hashes.
  if (!run.is_over() || !lost_rows(run, folder, Compare::lengths).empty()) return State::unfinished;
  return run.status == "finished" ? State::finished : State::diverged;
}

std::string other_run_message(const std::string& folder, const std::string& hash) {
  return fmt::format(
      "{}: expected the run whose config hash is {}, found a run with other settings ({}); move the folder away and "
      "call the sweep again",
      folder, hash, read_summary(folder).config_hash);
}

}  // namespace brink::sweep

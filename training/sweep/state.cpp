// SPDX-License-Identifier: MIT
#include "training/sweep/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "training/errors.h"
#include "training/io/file.h"
#include "training/io/json.h"
#include "training/io/text.h"

namespace brink::sweep {

namespace {

/// What run.json says; empty where it says nothing.
struct Record {
  std::string status, hash;
  std::optional<std::int64_t> last_step;
};

/// Throws DataError if there is no run.json that can be read.
Record record_of(const std::string& folder) {
  constexpr std::size_t largest_bytes = 1 << 24;
  const auto bytes = read_file(folder + "/run.json", largest_bytes);
  const auto json = parse_json("run.json", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const auto text = [&](const char* key) {
    return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>()
                                                                           : std::string();
  };
  Record out{text("status"), text("config_hash"), {}};
  if (json.is_object() && json.contains("steps_done") && json["steps_done"].is_number_integer())
    out.last_step = json["steps_done"].get<std::int64_t>();
  return out;
}

/// Whether the last row of metrics.csv, which ends with a newline, is that of the step.
bool ends_with_row(const std::string& folder, std::int64_t step) {
  try {
    InputFile file(folder + "/metrics.csv");
    for (std::uint64_t tail = 1 << 14;; tail *= 2) {
      std::string text(std::min(tail, file.bytes()), '\0');
      file.seek(file.bytes() - text.size());
      file.read(std::as_writable_bytes(std::span(text)));
      if (!text.ends_with('\n')) return false;
      text.pop_back();
      const std::size_t before = text.rfind('\n');
      if (before != std::string::npos) return text.substr(before + 1).starts_with(number_text(step) + ",");
      if (tail >= file.bytes()) return false;
    }
  } catch (const DataError&) { return false; }
}

}  // namespace

State state_of(const std::string& folder, const std::string& hash) {
  try {
    const Record record = record_of(folder);
    if (!record.hash.empty() && record.hash != hash) return State::other;
    if (record.status != "finished" && record.status != "diverged") return State::unfinished;
    if (record.last_step && !ends_with_row(folder, *record.last_step)) return State::unfinished;
    return record.status == "finished" ? State::finished : State::diverged;
  } catch (const DataError&) {
    std::error_code ignored;
    return std::filesystem::exists(folder, ignored) ? State::unfinished : State::absent;
  }
}

std::string other_run_message(const std::string& folder, const std::string& hash) {
  std::string found;
  try {
    found = " (" + record_of(folder).hash + ")";
  } catch (const DataError&) {}  // it has gone since
  return fmt::format(
      "{}: expected the run whose config hash is {}, found a run with other settings{}; move the folder away and "
      "call the sweep again",
      folder, hash, found);
}

std::string lost_rows_message(const std::string& folder) {
  return folder +
         "/metrics.csv: expected the row of the run's last step at its end, found none; move the folder of the run "
         "away and call the sweep again";
}

}  // namespace brink::sweep

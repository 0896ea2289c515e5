// SPDX-License-Identifier: MIT
#include "training/run/inputs.h"

#include <nlohmann/json.hpp>

#include "training/digest.h"
#include "training/errors.h"
#include "training/io/json.h"

namespace brink {

namespace {

/// Nothing if it cannot be read: it is written again then.
nlohmann::json recorded(const std::string& path) {
  try {
    const auto bytes = read_file(path, std::size_t{1} << 24);
    return parse_json(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  } catch (const DataError&) { return {}; }
}

/// Empty if there is none.
std::string text_at(const nlohmann::json& record, const char* table, const char* key) {
  if (!record.is_object() || !record.contains(table) || !record[table].is_object()) return {};
  const auto it = record[table].find(key);
  return it == record[table].end() || !it->is_string() ? std::string() : it->get<std::string>();
}

}  // namespace

std::string recorded_start_digest(const Folder& run) {
  return run.contains("run.json") ? text_at(recorded(run.path_of("run.json")), "start", "digest") : std::string();
}

void describe_inputs(RunRecord& record, const Config& config, const Problem& problem) {
  if (problem.data) {
    record.data_provenance = problem.data->provenance;
    record.train_checksum = problem.data->train.checksum;
    record.test_checksum = problem.data->test.checksum;
  }
  if (!config.start_file.empty()) record.start_digest = digest_of(problem.objective.layout, problem.theta0.view());
}

void require_same_inputs(const Folder& run, const RunRecord& now) {
  if (!run.contains("run.json")) return;
  require_same_inputs(run.path_of("run.json"), now, run.path() + ": --resume",
                      "restore the file, or begin a new run with another --out");
}

void require_same_inputs(const std::string& path, const RunRecord& now, const std::string& whose,
                         const std::string& advice) {
  const nlohmann::json before = recorded(path);
  const auto compare = [&](const char* table, const char* key, const std::string& found, const char* what) {
    const std::string began = text_at(before, table, key);
    if (began.empty() || began == found) return;
    throw DataError(whose + ": expected the " + what + " with which the run began (checksum " + began +
                    "), found others (" + (found.empty() ? "none" : found) + "); " + advice);
  };
  compare("data", "train_checksum", now.train_checksum, "training samples");
  compare("data", "test_checksum", now.test_checksum, "test samples");
  if (!now.start_digest.empty()) compare("start", "digest", now.start_digest, "parameters at step 0");
}

}  // namespace brink

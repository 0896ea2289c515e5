// SPDX-License-Identifier: MIT
#include "training/run/summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "training/errors.h"
#include "training/io/file.h"
#include "training/io/json.h"
#include "training/io/record_file.h"

namespace brink {

namespace {

constexpr std::size_t largest_record = std::size_t{1} << 24, largest_rows = std::size_t{64} << 30;

std::string_view text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

RunSummary read_summary(const std::string& folder) {
  RunSummary out;
  try {
    const auto json = parse_json("run.json", text_of(read_file(folder + "/run.json", largest_record)));
    out.status = json.value("status", "");
    out.config_hash = json.value("config_hash", "");
    out.settings = json.value("settings", out.settings);
    const nlohmann::json files = json.value("files", nlohmann::json::object());
    for (const auto& [name, file] : files.items())
      out.files.push_back({name, file.at("bytes").get<std::int64_t>(), file.at("hash").get<std::string>()});
  } catch (const DataError&) { return {}; } catch (const nlohmann::json::exception&) {
    return {};
  }
  return out;
}

std::string other_settings(const RunSummary& began, const Config& config) {
  const std::string hash = config_hash(config);
  if (began.config_hash.empty() || began.config_hash == hash) return {};
  const std::vector<std::string> differing = differing_settings(settings_of(config), began.settings);
  if (began.settings.empty() || differing.empty())
    return fmt::format("their hash is {} (there {})", hash, began.config_hash);
  return fmt::format("{}", fmt::join(differing, ", "));
}

std::string lost_rows(const RunSummary& left, const std::string& folder, Compare compare) {
  std::vector<RecordedFile> expected = left.files;
  if (expected.empty()) expected.push_back({"metrics.csv", 1, {}});
  for (const RecordedFile& file : expected) {
    const std::string path = folder + "/" + file.name;
    std::error_code error;
    const auto bytes = std::filesystem::file_size(path, error);
    if (error == std::errc::no_such_file_or_directory)
      return file.name + ": expected the rows of the run, found no file";
    if (error || access(path.c_str(), R_OK) != 0 || file.hash.empty()) continue;  // cannot be told from here
    if (bytes != static_cast<std::uintmax_t>(file.bytes))
      return fmt::format("{}: expected {} bytes, found {}", file.name, file.bytes, bytes);
    if (compare == Compare::lengths) continue;
    RowHash hash;
    hash.add(text_of(read_file(path, largest_rows)));
    if (hash.text() != file.hash)
      return fmt::format("{}: expected the hash {}, found {}", file.name, file.hash, hash.text());
  }
  return {};
}

}  // namespace brink

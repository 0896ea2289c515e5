// SPDX-License-Identifier: MIT
#include "training/sweep/folder.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "training/errors.h"
#include "training/io/file.h"
#include "training/io/json.h"
#include "training/run/folder.h"

namespace brink::sweep {

namespace {

namespace fs = std::filesystem;

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

void require_no_file(const std::string& folder) {
  for (fs::path path = folder; !path.empty(); path = path.parent_path()) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (error == std::errc::filename_too_long) throw UsageError(path.string() + ": " + error.message());
    if (fs::exists(status) && !fs::is_directory(status))
      throw UsageError(path.string() +
                       " is a file; expected a folder, a new one or that of a sweep; choose another --out");
    if (path == path.parent_path()) return;
  }
}

bool has_list(const std::string& folder) {
  constexpr std::size_t largest_bytes = std::size_t{1} << 28;
  try {
    const auto bytes = read_file(folder + "/" + list_name, largest_bytes);
    const auto json = parse_json(list_name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return json.is_object() && json.contains("keys") && json.contains("runs");
  } catch (const DataError&) { return false; }
}

/// What a sweep does not have before its list: the first name, in the order of the alphabet. Throws IoError.
std::optional<std::string> foreign_in(const std::string& folder) {
  constexpr std::array<std::string_view, 3> own_folders{"configs", "failed", "slurm"};
  std::optional<std::string> out;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code gone;
    const bool own = name.starts_with(std::string(list_name) + ".tmp.") ||
                     (std::ranges::find(own_folders, name) != own_folders.end() && it->is_directory(gone) &&
                      fs::is_empty(it->path(), gone));
    if (!own && (!out || name < *out)) out = name;
  }
  if (error && error != std::errc::no_such_file_or_directory) throw IoError(folder + ": open: " + error.message());
  return out;
}

}  // namespace

void require_sweep_or_new(const std::string& folder) {
  require_no_file(folder);
  const std::string expected = folder + ": --out: expected a new folder, an empty one or that of a sweep, found ";
  if (RunFolder::look(folder) != RunFolder::Opened::fresh)
    throw InUseError(expected + "the folder of a run; choose another --out");
  const std::optional<std::string> foreign = foreign_in(folder);
  // The list is looked for last: it is there before whatever else another process of the sweep may have made meanwhile.
  if (!foreign || has_list(folder) || exists(folder + "/" + results_lock_name)) return;
  throw InUseError(expected + "other files, such as " + *foreign + "; choose another --out");
}

}  // namespace brink::sweep

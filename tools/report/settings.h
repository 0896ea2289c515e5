// SPDX-License-Identifier: MIT
// The settings in a run folder's config.toml, by their full key. They are not checked: `brink train` has done that.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace brink::report {

struct Setting {
  std::string text;              // as a reader sees it; the items of a list are joined by '-'
  std::optional<double> number;  // empty if it is not a finite number
};

class Settings {
 public:
  std::map<std::string, Setting> by_key;  // "training.learning_rate"

  /// Empty if there is no such key.
  std::string text(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
};

/// What is missing or unreadable is appended to `notes`.
Settings read_settings(const std::filesystem::path& folder, std::vector<std::string>& notes);

/// The keys whose values differ: those of training, the model and the data first. Keys that change no number, such as run.threads, are left out.
std::vector<std::string> differing_keys(const std::vector<const Settings*>& all);

}  // namespace brink::report

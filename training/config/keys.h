// SPDX-License-Identifier: MIT
// What it is: the list of all keys, each with its type, range, and how it is read and written. What it is not: the
// reader. Decision: keys and values that belong to later versions are listed too, so that they are refused as what they
// are.
#pragma once

#include <toml++/toml.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "training/config.h"

namespace brink::config {

struct Key {
  std::string_view table, name;
  /// Empty for a key that is not built. Returns what is wrong with the value, or nothing.
  std::function<std::optional<std::string>(Config&, const toml::node&)> set;
  /// As a TOML value; empty text where the key has no meaning for this config.
  std::function<std::string(const Config&)> print;
  bool text = false;                   // the value is a string
  bool hashed = true;                  // it decides numbers
  std::vector<ModelName> models = {};  // that it has a meaning for; empty: all

  std::string path() const { return std::string(table) + "." + std::string(name); }
};

/// In the order in which a resolved config is written.
const std::vector<Key>& keys();
const std::vector<std::string_view>& tables();
/// Sub-tables of later versions, such as [measure.density].
bool is_later_table(std::string_view path);

/// "the string \"fast\"", "the float 0.5", "an array"
std::string describe(const toml::node&);
/// As TOML writes it, quotes and escapes included.
std::string quote(std::string_view);
/// As TOML writes a float: shortest, with a point.
std::string real_text(double);
/// "the built value" messages end alike.
std::string not_built(const std::string& what);

/// What is wrong with the settings taken together: the path of the key to blame and the message.
struct Conflict {
  std::string path, message;
};
/// `given` tells whether a key was set by the user.
std::optional<Conflict> conflict(const Config&, const std::function<bool(std::string_view path)>& given);

}  // namespace brink::config

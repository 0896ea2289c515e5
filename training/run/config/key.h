// SPDX-License-Identifier: MIT
// A key of config.toml: how it is read into a config, checked, and printed.
#pragma once

#include <toml++/toml.h>

#include <functional>
#include <string>

#include "training/run/config.h"
#include "training/run/config/values.h"

namespace brink::config {

struct Key {
  std::string table;  ///< "model", "measure.update_cosine"
  std::string name;
  std::function<Problem(Config&, const toml::node&)> set;
  /// As a TOML value; empty if there is none to write.
  std::function<std::string(const Config&)> print;
  bool text = false;     ///< the value is a string
  bool hashed = true;    ///< it decides numbers
  bool chooses = false;  ///< it decides which other keys exist

  std::string path() const { return table + "." + name; }
};

}  // namespace brink::config

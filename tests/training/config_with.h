// SPDX-License-Identifier: MIT
// A configuration made of settings alone, as `--set` gives them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "training/errors.h"
#include "training/run/config.h"

namespace brink::test {

/// Throws as load_config.
inline Config with(std::vector<std::string> sets) { return load_config({"", std::move(sets), {}}); }

/// The setting of changes that these tables make: "{at_step = 3, set = {batch = 0}}".
inline std::string change(const std::string& tables) { return "training.change=[" + tables + "]"; }

/// The message with which settings are refused; "accepted" if they are not.
inline std::string refusal(const std::vector<std::string>& sets) {
  try {
    (void)with(sets);
  } catch (const UsageError& e) { return e.what(); }
  return "accepted";
}

}  // namespace brink::test

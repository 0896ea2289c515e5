// SPDX-License-Identifier: MIT
// A configuration made of settings alone, as `--set` gives them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "training/run/config.h"

namespace brink::test {

/// Throws as load_config.
inline Config with(std::vector<std::string> sets) { return load_config({"", std::move(sets), {}}); }

}  // namespace brink::test

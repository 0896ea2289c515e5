// SPDX-License-Identifier: MIT
// The table of several runs, one row each, and a sentence on how their settings differ.
#pragma once

#include <span>
#include <string>

#include "tools/report/colours.h"
#include "tools/report/run.h"

namespace brink::report {

/// "They differ in training.learning_rate (0.01 to 0.3, 20 values)."
std::string difference_sentence(std::span<const Run> runs, std::span<const std::string> differing);
std::string render_comparison(std::span<const Run> runs, const Colours& colours,
                              std::span<const std::string> differing);

}  // namespace brink::report

// SPDX-License-Identifier: MIT
// A run's schedule and its changes, said in words: what --dry-run prints, and the lines of the console when a change applies.
#pragma once

#include <string>
#include <vector>

#include "training/run/config.h"

namespace brink {

/// One sentence each about the learning rate, the derived number of steps, completion, and every change: "at step 200: the learning rate
/// becomes 0.05 (2/η = 40)".
std::vector<std::string> plan_in_words(const Config&);
/// "the update rule becomes momentum (momentum = 0.9), whose vectors start as at step 0; the learning rate becomes 0.05".
std::string in_words(const Config::Change&);
/// "2/η = 40": the threshold, by the name that it has under this rule.
std::string threshold_in_words(const Chosen<RuleKind>&, double threshold);

}  // namespace brink

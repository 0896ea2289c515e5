// SPDX-License-Identifier: MIT
// The list of update rules that training/rules/meson.build names: the name of each, the keys it owns, and how it is made.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "models/options.h"
#include "training/rules/rule.h"

namespace brink {

struct RuleKind {
  std::string_view name;
  std::string_view meaning;
  std::string_view threshold;        ///< the formula of UpdateRule::threshold: "2/η"
  bool preconditions = false;        ///< whether that concerns the effective sharpness and not λ₁ itself
  std::vector<Option> options = {};  ///< keys of [training] that this rule has
  bool needs_minibatches = false;    ///< whether training.batch must be set
  /// Makes a rule for vectors of a layout. Allocates all memory. Throws OutOfMemory.
  std::unique_ptr<UpdateRule> (*make)(const Options&, Device&, const ParameterLayout&, Dtype);
};

std::span<const RuleKind> rule_kinds();

/// The factory of a rule with the chosen options.
RuleFactory factory(const Chosen<RuleKind>&);

}  // namespace brink

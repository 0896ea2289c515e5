// SPDX-License-Identifier: MIT
// Gradient descent, for rules that descend another gradient by the same step.
#pragma once

#include "training/rules/kind.h"

namespace brink::rules {

RuleKind gd();

}  // namespace brink::rules

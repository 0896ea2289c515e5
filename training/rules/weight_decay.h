// SPDX-License-Identifier: MIT
// The key of decoupled weight decay, which every rule has: θ ← (1 − ηw)θ beside the rule's own step (Loshchilov & Hutter 2019).
#pragma once

#include "models/options.h"

namespace brink::rules {

inline Option weight_decay_option() {
  return real_option("weight_decay", 0, {.least = 0}, "w: each step also takes ηwθ from θ; adds w to each curvature");
}

}  // namespace brink::rules

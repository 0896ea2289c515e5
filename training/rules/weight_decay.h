// SPDX-License-Identifier: MIT
// Decoupled weight decay, which every rule has: θ ← (1 − ηw)θ beside the rule's own step (Loshchilov & Hutter 2019).
#pragma once

#include "models/options.h"

namespace brink::rules {

inline Option weight_decay_option() {
  return real_option("weight_decay", 0, {.least = 0}, "w: each update also takes ηwθ from θ");
}

/// The stability of a rule with decay: a sharpness λ is unstable where λ + added > plain.
struct DecayedThreshold {
  double plain;  ///< the threshold without decay, f · 2/η
  double added;  ///< f · w, with the same f
  double threshold() const { return plain - added; }
  /// Of λ + added over `plain`, so that it has a sign also where the decay alone is unstable.
  double surplus(double lambda) const { return 2 * ((lambda + added) / plain - 1); }
};

}  // namespace brink::rules

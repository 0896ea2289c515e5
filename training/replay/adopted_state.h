// SPDX-License-Identifier: MIT
// The state of one run as the start of another one with other settings.
#pragma once

#include <string>
#include <vector>

#include "training/loop.h"
#include "training/run/config.h"

namespace brink {

struct AdoptedState {
  SavedState state;                ///< of a trainer of the new settings
  std::vector<std::string> fresh;  ///< what begins anew, in words
};

/// Parts that both runs have are the parent's: θ, events, vectors of the rule, memory of the tracker. A part of another kind or shape
/// is as in `fresh`, the state of a trainer of the new settings at step 0; so are all counts of what the run has found.
/// Throws std::invalid_argument if θ does not fit.
AdoptedState adopt_state(SavedState fresh, const Config& own, SavedState parent, const Config& parents);

}  // namespace brink

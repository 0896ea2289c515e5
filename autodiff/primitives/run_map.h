// SPDX-License-Identifier: MIT
// Runs a primitive that is one pass of map (kernels/map).
#pragma once

#include "autodiff/graph.h"
#include "kernels/map/map.h"

namespace brink::rules {

/// For a functor without constants.
template <class F>
void run_map(Device& d, const Call& c) {
  map<F>(d, c.out, c.in);
}

}  // namespace brink::rules

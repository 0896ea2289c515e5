// SPDX-License-Identifier: MIT
// Builders for softplus and its derivative, the logistic function.
#pragma once

#include "autodiff/graph.h"

namespace brink {

extern const Primitive softplus_p, softplus_series_p, logistic_p, logistic_series_p;

/// log(1 + eˣ)
Var softplus(Graph&, Var x);
/// 1/(1 + e⁻ˣ)
Var logistic(Graph&, Var x);

}  // namespace brink

// SPDX-License-Identifier: MIT
// Builders for the Gaussian error linear unit and the functions in its derivatives.
#pragma once

#include "autodiff/graph.h"

namespace brink {

extern const Primitive gelu_p, gelu_series_p, normal_cdf_p, normal_cdf_series_p, normal_density_p,
    normal_density_series_p;

/// x·Φ(x), Φ the distribution function of the standard normal distribution
Var gelu(Graph&, Var x);
/// Φ(x)
Var normal_cdf(Graph&, Var x);
/// φ(x) = e^(−x²/2)/√(2π)
Var normal_density(Graph&, Var x);

}  // namespace brink

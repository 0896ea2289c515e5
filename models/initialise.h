// SPDX-License-Identifier: MIT
// The parameters at step 0.
#pragma once

#include <cstdint>

#include "autodiff/parameters.h"
#include "kernels/device.h"

namespace brink {

enum class Init : std::uint8_t {
  lecun,  ///< weights N(0, 1/fan_in)
  he,     ///< weights N(0, 2/fan_in)
};

/// Weights by `init`, biases and β 0, γ 1, gaps +0. theta: a vector of the layout, float32 or float64; both precisions hold the
/// same numbers, rounded once. Source: docs/method.md, "Networks"; LeCun et al. 1998, He et al. 2015.
void initialise(Device&, const ParameterLayout&, Init, std::uint64_t seed, View theta);

}  // namespace brink

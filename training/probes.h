// SPDX-License-Identifier: MIT
// Random vectors that see a whole spectrum, by seed, step and number, for all parameters or for those of one layer.
#pragma once

#include <cstdint>

#include "autodiff/parameters.h"
#include "kernels/device.h"
#include "spectral/linear_operator.h"

namespace brink {

/// Standard normal numbers for parameters first … end − 1 in a vector of the layout; everything else becomes +0. `restart` is the number of
/// the vector.
FillNormal probes_of(const Device&, const ParameterLayout&, std::uint64_t seed, int first, int end);

}  // namespace brink

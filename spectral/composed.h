// SPDX-License-Identifier: MIT
// Operators made of others: a difference, and the block of an operator that belongs to some coordinates.
#pragma once

#include <cstdint>

#include "kernels/device.h"
#include "spectral/linear_operator.h"

namespace brink {

/// A − B of two operators of the same dimension and type. `scratch`: a vector of the caller's, which B x is written to.
LinearOperator difference_of(const Device&, LinearOperator a, LinearOperator b, View scratch);

/// P A P, where P keeps the coordinates first … end − 1 and sets all others to zero; `parameters` of them are not always zero. Its argument must be zero outside them already, as every
/// vector of a Krylov space is that starts there.
LinearOperator block_of(const Device&, LinearOperator a, std::int64_t first, std::int64_t end, std::int64_t parameters);

}  // namespace brink

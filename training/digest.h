// SPDX-License-Identifier: MIT
// What it is: the hash of parameters by which two runs are compared. What it is not: a checksum of a file.
// Decision: gaps in the arena are not hashed and every NaN counts as the same one, so layout and processor do not
// matter.
#pragma once

#include <span>
#include <string>

#include "autodiff/parameters.h"
#include "kernels/view.h"

namespace brink {

/// XXH3-128 over the elements' bytes, little-endian, in the order given (parameter_order), nothing between them;
/// 32 hexadecimal digits.
std::string digest(std::span<const View> parameters);
/// Of the parameters in a vector of the layout, in host memory.
std::string digest_of(const ParameterLayout&, View vector);

}  // namespace brink

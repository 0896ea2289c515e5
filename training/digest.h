// SPDX-License-Identifier: MIT
// The hash of parameters by which two runs are compared.
// Gaps in the arena are not hashed and all NaNs are hashed alike, so layout and processor do not matter.
#pragma once

#include <span>
#include <string>

#include "autodiff/parameters.h"
#include "kernels/view.h"

namespace brink {

/// XXH3-128 over the elements' bytes, little-endian, in the given order (parameter_order), with nothing between them; 32
/// hexadecimal digits.
std::string digest(std::span<const View> parameters);
/// The digest of the parameters in a vector of the layout, in host memory.
std::string digest_of(const ParameterLayout&, View vector);

}  // namespace brink

// SPDX-License-Identifier: MIT
// The parameters at step 0 from a file.
#pragma once

#include <string>

#include "autodiff/parameters.h"
#include "kernels/view.h"

namespace brink {

/// Fills `theta`, a vector of the layout in host memory, from a safetensors file that has exactly its parameters, by name and shape, in
/// float32 or float64. Throws DataError: a parameter that is missing, unknown, of another shape or type, not finite, or not exactly a
/// number of theta's type.
void read_start(const std::string& path, const ParameterLayout&, View theta);

}  // namespace brink

// SPDX-License-Identifier: MIT
// What a run reads besides its config: whether it is what the run began with, and the parameters at step 0 from a file.
#pragma once

#include <string>

#include "autodiff/parameters.h"
#include "training/io/file.h"
#include "training/run/records.h"

namespace brink {

/// Fills `theta`, a vector of the layout in host memory, from a safetensors file that has exactly its parameters, by name and shape, in
/// float32 or float64. Throws DataError: a parameter that is missing, unknown, of another shape or type, not finite, or not exactly a
/// number of theta's type.
void read_start(const std::string& path, const ParameterLayout&, View theta);

/// Compares the record with that of the folder's run.json, if there is one. Throws DataError if the run began with other samples or
/// other parameters.
void require_same_inputs(const Folder& run, const RunRecord&);

}  // namespace brink

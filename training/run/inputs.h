// SPDX-License-Identifier: MIT
// What a run reads besides its config: whether it is what the run began with, and the parameters at step 0 from a file.
#pragma once

#include <string>

#include "autodiff/parameters.h"
#include "training/io/file.h"
#include "training/run/problem.h"
#include "training/run/records.h"

namespace brink {

/// Fills `theta`, a vector of the layout in host memory, from a safetensors file that has exactly its parameters, by name and shape, in
/// float32 or float64. Throws DataError: a parameter that is missing, unknown, of another shape or type, not finite, or not exactly a
/// number of theta's type.
void read_start(const std::string& path, const ParameterLayout&, View theta);

/// Fills in what the record says of the data and of the parameters in model.start_file.
void describe_inputs(RunRecord&, const Config&, const Problem&);

/// Compares the record with that of the folder's run.json, if there is one. Throws DataError if the run began with other samples or
/// other parameters.
void require_same_inputs(const Folder& run, const RunRecord&);
/// The same for a path of run.json. A record without a start_digest is that of a run from a checkpoint, which needs no such parameters.
/// whose, advice: the begin and the end of the message.
void require_same_inputs(const std::string& path, const RunRecord&, const std::string& whose,
                         const std::string& advice);

}  // namespace brink

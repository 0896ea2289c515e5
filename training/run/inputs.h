// SPDX-License-Identifier: MIT
// Whether what a run reads besides its config is what it began with.
#pragma once

#include <string>

#include "training/io/file.h"
#include "training/run/problem.h"
#include "training/run/records.h"

namespace brink {

/// Fills in what the record says of the data and of the parameters in model.start_file.
void describe_inputs(RunRecord&, const Config&, const Problem&);

/// The digest of the parameters with which the run of this folder began, as its run.json has it; empty if it has none.
std::string recorded_start_digest(const Folder& run);

/// Compares the record with that of the folder's run.json, if there is one. Throws DataError if the run began with other samples or
/// other parameters.
void require_same_inputs(const Folder& run, const RunRecord&);
/// The same for a path of run.json. A record without a start_digest is that of a run from a checkpoint, which needs no such parameters.
/// whose, advice: the begin and the end of the message.
void require_same_inputs(const std::string& path, const RunRecord&, const std::string& whose,
                         const std::string& advice);

}  // namespace brink

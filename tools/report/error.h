// SPDX-License-Identifier: MIT
// The error for a run folder of which no report can be made.
#pragma once

#include "training/errors.h"

namespace brink {

/// The message names the file and the reason.
struct ReportError : DataError {
  using DataError::DataError;
};

}  // namespace brink

// SPDX-License-Identifier: MIT
// The error of a run folder that cannot be reported on.
#pragma once

#include "training/errors.h"

namespace brink {

/// The message names the file and the reason.
struct ReportError : DataError {
  using DataError::DataError;
};

}  // namespace brink

// SPDX-License-Identifier: MIT
// The data set that a config asks for.
#pragma once

#include "training/config.h"
#include "training/data/dataset.h"

namespace brink {

/// What data.* asks for, in the working precision. Throws DataError.
DataPair load_data(const Config&);

}  // namespace brink

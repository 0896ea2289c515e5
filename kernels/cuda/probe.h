// SPDX-License-Identifier: MIT
// What it is: the question whether this build has code for a device. What it is not: an answer without launching anything;
// the runtime has none.
#pragma once

#include "kernels/cuda/runtime.h"

namespace brink::cuda {

/// Launches nothing of use: no_kernel_image where this build has no code for the device in use.
Status probe(Runtime::Stream);

}  // namespace brink::cuda

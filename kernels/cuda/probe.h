// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/cuda/runtime.h"

namespace brink::cuda {

/// Launches nothing of use: no_kernel_image where this build has no code for the device in use.
Status probe(Runtime::Stream);

}  // namespace brink::cuda

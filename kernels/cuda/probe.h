// SPDX-License-Identifier: MIT
// Tells whether this build has code for a device, by launching a kernel: the CUDA runtime has no other way.
#pragma once

#include "kernels/cuda/runtime.h"

namespace brink::cuda {

/// Launches an empty kernel; returns no_kernel_image where this build has no code for the current device.
Status probe(Runtime::Stream);

}  // namespace brink::cuda

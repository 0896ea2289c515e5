// SPDX-License-Identifier: MIT
// Kernels that are wrong in one way each. tools/gpu_check starts each under the tool of compute-sanitizer that must report it.
// The header does not use CUDA's language, so that ordinary sources can include it.
#pragma once

#include "kernels/device.h"

namespace device_tests {

inline constexpr int wrong_threads = 64;

/// Writes x[0 … 64] of an array of 64 elements: the last write is beyond the allocation.
void write_out_of_bounds(brink::Device&, float* x);
/// out[i] = x[i] of 64 elements.
void copy_elements(brink::Device&, float* out, const float* x);
/// out[i] = x[i] + x[i + 1 mod 64] through shared memory, without the barrier between.
void race_in_shared_memory(brink::Device&, float* out, const float* x);

}  // namespace device_tests

// SPDX-License-Identifier: MIT
// What it is: kernels that are wrong in one way each, for compute-sanitizer to report. What it is not: run by a test of ours on a
// good day: tools/gpu_check starts each under its tool, which must complain. Decision: a header without CUDA's language.
#pragma once

#include "kernels/device.h"

namespace device_tests {

inline constexpr int wrong_threads = 64;

/// x[0 … 64], of 64 elements: the last one is written behind the allocation.
void write_out_of_bounds(brink::Device&, float* x);
/// out[i] = x[i] of 64 elements.
void copy_elements(brink::Device&, float* out, const float* x);
/// out[i] = x[i] + x[i + 1 mod 64] through shared memory, without the barrier between.
void race_in_shared_memory(brink::Device&, float* out, const float* x);

}  // namespace device_tests

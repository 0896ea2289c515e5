// SPDX-License-Identifier: MIT
#include "tests/device/wrong_kernels.h"

#include "kernels/cuda/device_code.h"
#include "kernels/cuda/launch.h"

namespace device_tests {

namespace {

struct Row {
  float value[wrong_threads];
};

__global__ void out_of_bounds_kernel(float* x) { x[threadIdx.x] = 1; }

__global__ void copy_kernel(float* out, const float* x) { out[threadIdx.x] = x[threadIdx.x]; }

__global__ void race_kernel(float* out, const float* x) {
  Row& row = brink::cuda::shared_memory<Row>();
  row.value[threadIdx.x] = x[threadIdx.x];
  out[threadIdx.x] = row.value[threadIdx.x] + row.value[(threadIdx.x + 1) % wrong_threads];
}

}  // namespace

void write_out_of_bounds(brink::Device& d, float* x) {
  brink::cuda::launch(d, out_of_bounds_kernel, {1}, {wrong_threads + 1}, x);
}
void copy_elements(brink::Device& d, float* out, const float* x) {
  brink::cuda::launch(d, copy_kernel, {1}, {wrong_threads}, out, x);
}
void race_in_shared_memory(brink::Device& d, float* out, const float* x) {
  brink::cuda::launch(d, race_kernel, {1}, {wrong_threads}, out, x);
}

}  // namespace device_tests

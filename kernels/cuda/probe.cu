// SPDX-License-Identifier: MIT
// A kernel that does nothing, launched to see whether this build has code for a GPU.
#include "kernels/cuda/device_code.h"
#include "kernels/cuda/probe.h"

namespace brink::cuda {

namespace {
__global__ void probe_kernel() {}
}  // namespace

Status probe(Runtime::Stream stream) {
  void* none[] = {nullptr};
  LaunchCall call{reinterpret_cast<const void*>(&probe_kernel), {}, {}, none, {}};
#ifndef __CUDACC__
  call.body = &probe_kernel;
#endif
  return runtime().launch(call, stream);
}

}  // namespace brink::cuda

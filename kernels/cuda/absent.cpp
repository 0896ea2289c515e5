// SPDX-License-Identifier: MIT
// Takes the place of kernels/cuda in a build without CUDA: no GPU can be opened, and each attempt says why.
#include "kernels/gpu.h"
#include "kernels/tracer.h"
#include "kernels/vendor.h"

namespace brink {

std::unique_ptr<Gpu> open_gpu(int) {
  throw NoDevice("this brink was built without CUDA; build it where nvcc is on the PATH, or give --device cpu");
}

std::unique_ptr<Tracer> make_gpu_ranges(bool) {
  throw NoDevice("this brink was built without CUDA, whose toolkit brings NVTX");
}

std::unique_ptr<Vendor> open_cublas(Gpu&, CublasMath, const std::string&) {
  throw NoVendor("this brink was built without CUDA; give --arithmetic exact");
}

}  // namespace brink

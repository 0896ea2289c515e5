// SPDX-License-Identifier: MIT
// Controls for compute-sanitizer: each case runs one wrong kernel, which the tool named in its title must report.
#include <doctest/doctest.h>

#include <cmath>

#include "kernels/memory.h"
#include "tests/device/gpu.h"
#include "tests/device/wrong_kernels.h"
#include "tests/emulator/products.h"

using namespace brink;

namespace {

constexpr std::int64_t bytes = device_tests::wrong_threads * std::int64_t{sizeof(float)};

/// A GPU on which every buffer is an allocation of its own.
struct OneGpu {
  cuda::FakeRuntime runtime;
  std::unique_ptr<cuda::Context> context;
  Device device;
  explicit OneGpu(const char* of) {
    runtime.largest_allocation_bytes = own_allocations_bytes;
    context = device_tests::gpu(of);
    device = {Where::cuda, nullptr, context.get()};
  }
};

}  // namespace

TEST_CASE("wrong for memcheck: a write behind an allocation" * doctest::skip()) {
  OneGpu gpu("wrong for memcheck");
  if (!gpu.context) return;
  const Array x({device_tests::wrong_threads}, Dtype::f32, gpu.device);
  try {
    device_tests::write_out_of_bounds(gpu.device, x.view().as<float>());
    synchronize(gpu.device);
  } catch (const GpuError& e) { MESSAGE("reported: " << std::string(e.what())); }
}

TEST_CASE("wrong for initcheck: a read of what nobody has written" * doctest::skip()) {
  OneGpu gpu("wrong for initcheck");
  if (!gpu.context) return;
  const Array out({device_tests::wrong_threads}, Dtype::f32, gpu.device);
  auto* const fresh = static_cast<float*>(gpu.context->allocate(bytes));
  device_tests::copy_elements(gpu.device, out.view().as<float>(), fresh);
  if (std::isnan(to_host(gpu.device, out.view()).span<float>()[0])) MESSAGE("reported: poison");
  gpu.context->release(fresh);
}

TEST_CASE("wrong for racecheck: shared memory without its barrier" * doctest::skip()) {
  OneGpu gpu("wrong for racecheck");
  if (!gpu.context) return;
  const Array x({device_tests::wrong_threads}, Dtype::f32, gpu.device), out(x.view().shape, Dtype::f32, gpu.device);
  device_tests::race_in_shared_memory(gpu.device, out.view().as<float>(), x.view().as<float>());
  synchronize(gpu.device);
}

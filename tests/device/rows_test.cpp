// SPDX-License-Identifier: MIT
// Every row of the table of cases on the GPU against its plain loops, byte for byte.
#include <doctest/doctest.h>

#include "tests/device/gpu.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/emulator/products.h"
#include "tests/emulator/row_on_device.h"
#include "training/digest.h"

using namespace brink;
using cases::RowOnDevice;

namespace {

/// Each buffer is an allocation of its own, so that a sanitizer sees accesses beyond it.
struct OwnAllocations : cuda::FakeRuntime {
  OwnAllocations() { largest_allocation_bytes = own_allocations_bytes; }
};

bool few(const cases::Row& row, int size) { return size == row.sizes / 3 || size == row.sizes - 2; }

/// Compares all rows, in the sizes that `wanted` accepts, with any previous contents of memory, or once in fresh memory.
template <class Wanted>
void compare(const char* of, Wanted wanted, RowOnDevice::Before before = RowOnDevice::Before::poison) {
  OwnAllocations runtime;
  int compared = 0;
  for (const cases::Row& row : cases::table()) {
    const auto context = device_tests::gpu(of);
    if (!context) return;
    const Device device{Where::cuda, nullptr, context.get()};
    for (const Dtype dtype : {Dtype::f32, Dtype::f64})
      for (int size = 0; size < row.sizes; ++size) {
        if (!wanted(row, size)) continue;
        RowOnDevice on(device, row, size, dtype);
        if (!on.exists()) continue;
        const std::string name = row.name + "/" + std::to_string(size) + "/" + std::string(name_of(dtype));
        std::string complaint = before == RowOnDevice::Before::fresh ? on.run(before) : "";
        for (const Poison p : {Poison::zero, Poison::ones, Poison::nan}) {
          if (before == RowOnDevice::Before::fresh) break;
          set_poison(p);
          if (complaint.empty()) complaint = on.run();
        }
        set_poison(Poison::zero);
        ++compared;
        if (!complaint.empty()) FAIL_CHECK(name << ": " << complaint);
        device_tests::record("row " + name, digest(on.found()));
      }
  }
  CHECK(compared > 0);
  std::printf("compared %d rows, sizes and types\n", compared);
}

}  // namespace

TEST_CASE("rows: every kernel on the GPU equals the plain loops to the last bit") {
  compare("rows", [](const cases::Row&, int) { return true; });
}

// For sanitizers, which slow a kernel down by a factor of ten to a hundred.
TEST_CASE("few sizes: every kernel on the GPU equals the plain loops to the last bit" * doctest::skip()) {
  compare("few sizes", few);
}

// For initcheck, which counts memory as initialised once poison has been written to it.
TEST_CASE("fresh memory of few sizes: every kernel reads only what was written" * doctest::skip()) {
  compare("fresh memory", few, RowOnDevice::Before::fresh);
}

TEST_CASE("fresh memory of all sizes: every kernel reads only what was written" * doctest::skip()) {
  compare(
      "fresh memory", [](const cases::Row&, int) { return true; }, RowOnDevice::Before::fresh);
}

TEST_CASE("control: a bit turned round in what is expected of a row is seen") {
  OwnAllocations runtime;
  const auto context = device_tests::gpu("control");
  if (!context) return;
  const cases::Row& row = cases::table().front();
  RowOnDevice on({Where::cuda, nullptr, context.get()}, row, row.sizes - 1, Dtype::f32);
  CHECK(on.run().empty());
  on.spoil();
  CHECK(on.run() == "other bits than the plain loops'");
}

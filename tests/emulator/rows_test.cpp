// SPDX-License-Identifier: MIT
// Every row of the table of cases on the emulated GPU against its plain loops, byte for byte, under many schedules.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <string>

#include "kernels/cuda/context.h"
#include "tests/cases/case.h"
#include "tests/emulator/emulated_runtime.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/emulator/row_on_device.h"

using namespace brink;
using cases::RowOnDevice;

namespace {

/// Runs the row in a process of its own, which ends if a host function accesses device memory; returns what is wrong.
std::string in_a_process(const cases::Row& row) {
  enum : int { good, no_launch, failed };
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    (void)std::signal(SIGSEGV, SIG_DFL);
    int result = failed;
    try {
      cuda::FakeRuntime runtime;
      cuda::Context context;
      RowOnDevice on({Where::cuda, nullptr, &context}, row, row.sizes - 1, Dtype::f32);
      const std::int64_t before = runtime.calls().launches;
      (void)on.run();
      result = runtime.calls().launches > before || row.kernels.empty() ? good : no_launch;  // a copy is no kernel
    } catch (const std::exception&) {}
    _exit(result);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) return "a host function touches device memory";
  switch (WEXITSTATUS(status)) {
    case good: return "";
    case no_launch: return "no kernel is launched";
    default: return "exception";
  }
}

/// in_a_process, computed once for each row.
const std::string& first_complaint(const cases::Row& row) {
  static std::map<std::string, std::string> found;
  const auto at = found.find(row.name);
  return at != found.end() ? at->second : found.emplace(row.name, in_a_process(row)).first->second;
}

/// The test's schedules and the campaign's. Large rows, mostly elementwise ones, would take half of the test's time; 8 schedules
/// combine each kind of poison with deferred and with immediate work, and the campaign does the rest.
struct Schedules {
  std::uint64_t begin, end;
};
Schedules few(const RowOnDevice& row) { return {0, row.bytes() > std::int64_t{1} << 20 ? 8U : 20U}; }
Schedules others(const RowOnDevice& row) { return {few(row).end, 100}; }

void compare_under(Schedules (*schedules)(const RowOnDevice&)) {
  cuda::FakeRuntime runtime;
  // Memory of its own for each buffer, with guards of its own.
  runtime.largest_allocation_bytes = std::int64_t{60} << 20;
  for (const cases::Row& row : cases::table()) {
    CAPTURE(row.name);
    if (!first_complaint(row).empty()) continue;  // the case above says so
    cuda::Context context;
    const Device device{Where::cuda, nullptr, &context};
    for (const Dtype dtype : {Dtype::f32, Dtype::f64})
      for (int size = 0; size < row.sizes; ++size) {
        RowOnDevice on(device, row, size, dtype);
        if (!on.exists()) continue;
        const auto [begin, end] = schedules(on);
        for (std::uint64_t schedule = begin; schedule < end; ++schedule) {
          emulator::set_schedule(schedule);
          set_poison(static_cast<Poison>(schedule % 3));
          cuda::emulated_runtime().set_deferred(schedule / 2 % 2 == 1);
          std::string complaint;
          try {
            complaint = on.run();
          } catch (const std::exception& e) { complaint = e.what(); }
          set_poison(Poison::zero);
          cuda::emulated_runtime().set_deferred(false);
          cuda::emulated_runtime().set_protected(false);  // a schedule does not change which host functions run
          if (complaint.empty()) continue;
          FAIL_CHECK(row.name << ", size " << size << ", " << name_of(dtype) << ", schedule " << schedule << ": "
                              << complaint);
          break;
        }
        cuda::emulated_runtime().set_protected(true);
      }
  }
  emulator::set_schedule(0);
}

}  // namespace

TEST_CASE("every row runs on the device: it launches kernels, and no host function touches device memory") {
  for (const cases::Row& row : cases::table())
    if (const std::string& complaint = first_complaint(row); !complaint.empty())
      FAIL_CHECK(row.name << ": " << complaint);
}

TEST_CASE(
    "every CUDA kernel equals the plain loops to the last bit under 20 schedules (large ones 8), whatever was in "
    "memory and whenever work runs") {
  compare_under(few);
}

TEST_CASE("every CUDA kernel equals the plain loops to the last bit under 100 schedules in all" * doctest::skip()) {
  compare_under(others);
}

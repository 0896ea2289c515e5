// SPDX-License-Identifier: MIT
// Every row of the table of cases on the emulated GPU against its plain loops, byte for byte, under many schedules.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "kernels/cuda/context.h"
#include "tests/cases/case.h"
#include "tests/emulator/emulated_runtime.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/emulator/guarded.h"

using namespace brink;

namespace {

/// One row with inputs, scratch and output in device memory, between guards, kept from run to run.
class RowOnDevice {
 public:
  RowOnDevice(const Device& device, const cases::Row& row, int size, Dtype dtype)
      : device_(device), row_(row), size_(size), inputs_(cases::make_inputs(row, size, dtype, false)) {
    const std::vector<View> host = cases::views(inputs_);
    const std::vector<ValueType> out_types = cases::output_types(row, size, dtype, host);
    exists_ = !(dtype == Dtype::f64 && out_types[0].dtype == Dtype::f32);  // a row whose attributes name float32
    if (!exists_) return;
    expected_ = cases::make_outputs(out_types);
    cases::run_reference(row, size, host, cases::views(expected_));
    std::vector<ValueType> types;
    for (const View& v : host) {
      types.push_back({v.shape, v.dtype});
      in_.push_back(std::make_unique<Guarded>(device_, v.shape, v.dtype));
      in_.back()->set(v.data);
      in_views_.push_back(in_.back()->view());
    }
    for (const ValueType& type : out_types) {
      out_.push_back(std::make_unique<Guarded>(device_, type.shape, type.dtype));
      out_views_.push_back(out_.back()->view());
    }
    std::int64_t scratch_bytes = 0;
    if (row.primitive && row.primitive->scratch)
      scratch_bytes = row.primitive->scratch(types, out_types, row.attributes(size), device_.where);
    scratch_ = std::make_unique<Guarded>(device_, Shape{scratch_bytes}, Dtype::u8);
  }
  bool exists() const { return exists_; }

  /// Runs; returns what is wrong, empty when nothing is.
  std::string run() {
    for (const auto& out : out_) out->set_poison();
    scratch_->set_poison();
    if (row_.primitive) {
      const Attributes attributes = row_.attributes(size_);
      row_.primitive->run(device_, {in_views_, out_views_, scratch_->view(), attributes});
    } else {
      row_.run(device_, in_views_, out_views_[0], size_);
    }
    for (const auto& out : out_)
      if (!out->fetch()) return "a write outside the output";
    if (!scratch_->fetch()) return "a write outside the scratch memory";
    for (const auto& in : in_)
      if (in->fetch(); !in->is_unchanged()) return "an input was written to";
    for (std::size_t i = 0; i < out_.size(); ++i)
      if (!out_[i]->holds(expected_[i].view().data)) return "other bits than the plain loops'";
    return "";
  }

 private:
  Device device_;
  const cases::Row& row_;
  int size_;
  bool exists_ = false;
  std::vector<Array> inputs_;
  std::vector<Array> expected_;
  std::vector<std::unique_ptr<Guarded>> in_, out_;
  std::vector<View> in_views_, out_views_;
  std::unique_ptr<Guarded> scratch_;
};

/// What a process of its own says of the row: a host function that touches device memory ends it.
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

void compare_under_schedules(std::uint64_t begin, std::uint64_t end) {
  cuda::FakeRuntime runtime;
  // Memory of its own for each buffer, with guards of its own.
  runtime.largest_allocation_bytes = std::int64_t{60} << 20;
  for (const cases::Row& row : cases::table()) {
    CAPTURE(row.name);
    if (!in_a_process(row).empty()) continue;  // the case above says so
    cuda::Context context;
    const Device device{Where::cuda, nullptr, &context};
    for (const Dtype dtype : {Dtype::f32, Dtype::f64})
      for (int size = 0; size < row.sizes; ++size) {
        RowOnDevice on(device, row, size, dtype);
        if (!on.exists()) continue;
        for (std::uint64_t schedule = begin; schedule < end; ++schedule) {
          emulator::set_schedule(schedule);
          set_poison(static_cast<Poison>(schedule % 3));
          cuda::emulated_runtime().set_deferred(schedule / 2 % 2 == 1);
          cuda::emulated_runtime().set_protected(schedule == begin);  // which host functions run, no schedule changes
          std::string complaint;
          try {
            complaint = on.run();
          } catch (const std::exception& e) { complaint = e.what(); }
          set_poison(Poison::zero);
          cuda::emulated_runtime().set_deferred(false);
          cuda::emulated_runtime().set_protected(true);
          if (complaint.empty()) continue;
          FAIL_CHECK(row.name << ", size " << size << ", " << name_of(dtype) << ", schedule " << schedule << ": "
                              << complaint);
          break;
        }
      }
  }
  emulator::set_schedule(0);
}

}  // namespace

TEST_CASE("every row runs on the device: it launches kernels, and no host function touches device memory") {
  for (const cases::Row& row : cases::table())
    if (const std::string complaint = in_a_process(row); !complaint.empty()) FAIL_CHECK(row.name << ": " << complaint);
}

TEST_CASE(
    "every CUDA kernel equals the plain loops to the last bit under 20 schedules, whatever was in memory and whenever "
    "work runs") {
  compare_under_schedules(0, 20);
}

TEST_CASE("every CUDA kernel equals the plain loops to the last bit under 80 more schedules" * doctest::skip()) {
  compare_under_schedules(20, 100);
}

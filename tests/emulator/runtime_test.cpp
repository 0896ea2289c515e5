// SPDX-License-Identifier: MIT
// The emulated runtime: guards, protection, streams, captures; and the faults of FakeRuntime.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <memory>
#include <numeric>

#include "kernels/cuda/launch.h"
#include "kernels/memory.h"
#include "tests/emulator/emulated_runtime.h"
#include "tests/emulator/fake_runtime.h"

using namespace brink;
using cuda::emulated_runtime;
using cuda::EmulatedRuntime;

namespace {

__global__ void add_one(float* x, std::int64_t n) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < n) x[i] += 1;
}

/// A stream and an array in memory of its own.
struct OnDevice {
  OnDevice() {
    REQUIRE(runtime.create_stream(stream) == cuda::success);
    void* p = nullptr;
    REQUIRE(runtime.allocate(p, bytes) == cuda::success);
    x = static_cast<float*>(p);
  }
  ~OnDevice() {
    runtime.set_deferred(false);
    (void)runtime.release(x);
    (void)runtime.destroy_stream(stream);
  }
  cuda::Status add(float* to, std::int64_t n) {
    cuda::LaunchCall call;
    call.grid = {cuda::blocks_for(n, 32), 1, 1};
    call.block = {32, 1, 1};
    call.body = [=] { add_one(to, n); };
    return runtime.launch(call, stream);
  }
  static constexpr std::int64_t n = 100, bytes = 400;
  EmulatedRuntime& runtime = emulated_runtime();
  cuda::Runtime::Stream stream = nullptr;
  float* x = nullptr;
};

/// How a process of its own that runs f ends.
template <class F>
int signal_of(F&& f) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    (void)std::signal(SIGSEGV, SIG_DFL);
    f();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

bool is_poison(float x) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, 4);
  return bits == 0x7FF7FFF7;
}

}  // namespace

TEST_CASE("memory: poisoned when new, copied and filled, its bytes counted") {
  EmulatedRuntime& runtime = emulated_runtime();
  const std::int64_t before = runtime.in_use_bytes();
  {
    OnDevice d;
    CHECK(runtime.in_use_bytes() == before + d.bytes);
    float host[d.n];
    REQUIRE(runtime.copy(host, d.x, d.bytes, d.stream) == cuda::success);
    CHECK(is_poison(host[0]));
    CHECK(is_poison(host[d.n - 1]));
    REQUIRE(runtime.fill(d.x, 0, d.bytes, d.stream) == cuda::success);
    REQUIRE(d.add(d.x, d.n) == cuda::success);
    REQUIRE(runtime.copy(host, d.x, d.bytes, d.stream) == cuda::success);
    CHECK(std::accumulate(host, host + d.n, 0.0F) == 100);
    std::int64_t free = 0, total = 0;
    REQUIRE(runtime.memory(free, total) == cuda::success);
    CHECK(free == total - before - d.bytes);
    void* none = nullptr;
    CHECK(runtime.allocate(none, total) == cuda::out_of_memory);
  }
  CHECK(runtime.in_use_bytes() == before);
}

TEST_CASE("the host cannot touch device memory, nor anybody memory that was given back") {
  OnDevice d;
  REQUIRE(d.runtime.synchronize(d.stream) == cuda::success);
  CHECK(signal_of([&] { *static_cast<volatile float*>(d.x) = 1; }) == SIGSEGV);
  CHECK(signal_of([&] {
          float volatile read = *static_cast<volatile float*>(d.x);
          (void)read;
        }) == SIGSEGV);
  CHECK(signal_of([&] { (void)d.add(d.x, d.n); }) == 0);
  CHECK(signal_of([&] {
          (void)d.runtime.release(d.x);
          (void)d.add(d.x, d.n);
        }) == SIGSEGV);
  d.runtime.set_protected(false);
  CHECK(signal_of([&] { *static_cast<volatile float*>(d.x) = 1; }) == 0);
  d.runtime.set_protected(true);
  CHECK(signal_of([&] { *static_cast<volatile float*>(d.x) = 1; }) == SIGSEGV);
}

TEST_CASE("a write past either end of an allocation is caught at the launch, and again when it is given back") {
  for (const bool behind : {true, false}) {
    auto d = std::make_unique<OnDevice>();
    CHECK(d->add(behind ? d->x : d->x - 1, behind ? d->n + 1 : 1) == EmulatedRuntime::launch_failure);
    CHECK(d->runtime.report() ==
          std::string(behind ? "a write behind" : "a write before") + " an allocation of 400 bytes");
    CHECK(std::string(d->runtime.text(EmulatedRuntime::launch_failure)) ==
          "unspecified launch failure: " + d->runtime.report());
    CHECK(d->runtime.release(d->x) == EmulatedRuntime::launch_failure);
    d->x = nullptr;
  }
}

TEST_CASE("deferred: work runs, in order, when somebody waits, and copies read their source then") {
  OnDevice d;
  d.runtime.set_deferred(true);
  float host[d.n];
  float fetched = 0;
  std::fill(host, host + d.n, 1.0F);
  CHECK(d.runtime.copy(d.x, host, d.bytes, d.stream) == cuda::success);
  CHECK(d.add(d.x, d.n) == cuda::success);
  CHECK(d.runtime.copy(&fetched, d.x + 7, 4, d.stream) == cuda::success);
  CHECK(std::isnan(fetched));  // no copy has landed there yet
  host[7] = 5;
  CHECK(d.runtime.synchronize(d.stream) == cuda::success);
  CHECK(fetched == 6);
  // A failure shows at the wait, as on a device.
  CHECK(d.add(d.x, d.n + 1) == cuda::success);
  CHECK(d.runtime.synchronize(d.stream) == EmulatedRuntime::launch_failure);
}

TEST_CASE("a capture records and does not run; every replay runs it") {
  OnDevice d;
  EmulatedRuntime& runtime = d.runtime;
  float host[d.n];
  REQUIRE(runtime.begin_capture(d.stream) == cuda::success);
  CHECK(runtime.begin_capture(d.stream) == EmulatedRuntime::invalid_value);
  CHECK(runtime.fill(d.x, 0, 4, d.stream) == cuda::success);
  for (int i = 0; i < 3; ++i) CHECK(d.add(d.x, d.n) == cuda::success);
  CHECK(runtime.synchronize(d.stream) == EmulatedRuntime::invalid_value);  // a capture cannot be waited for
  cuda::Runtime::Capture capture = nullptr;
  cuda::Runtime::Executable graph = nullptr;
  REQUIRE(runtime.end_capture(d.stream, capture) == cuda::success);
  REQUIRE(runtime.instantiate(capture, graph) == cuda::success);
  REQUIRE(runtime.copy(host, d.x, d.bytes, d.stream) == cuda::success);
  CHECK(is_poison(host[0]));
  REQUIRE(runtime.fill(d.x, 0, d.bytes, d.stream) == cuda::success);
  for (int i = 0; i < 4; ++i) REQUIRE(runtime.launch(graph, d.stream) == cuda::success);
  REQUIRE(runtime.copy(host, d.x, d.bytes, d.stream) == cuda::success);
  CHECK(host[0] == 3);
  CHECK(host[1] == 12);
  CHECK(runtime.destroy(graph) == cuda::success);
}

TEST_CASE("a wait for an event runs what stands before its mark; one that tells no time is refused for times") {
  OnDevice d;
  cuda::Runtime::Event wait = nullptr, time = nullptr;
  REQUIRE(d.runtime.create_event(wait, EventUse::wait) == cuda::success);
  REQUIRE(d.runtime.create_event(time, EventUse::time) == cuda::success);
  CHECK(d.runtime.wait(wait) == EmulatedRuntime::invalid_value);  // never recorded
  d.runtime.set_deferred(true);
  float first = 0, second = 0, ms = 0;
  REQUIRE(d.runtime.fill(d.x, 0, d.bytes, d.stream) == cuda::success);
  REQUIRE(d.runtime.copy(&first, d.x, 4, d.stream) == cuda::success);
  REQUIRE(d.runtime.record(wait, d.stream) == cuda::success);
  REQUIRE(d.runtime.copy(&second, d.x, 4, d.stream) == cuda::success);
  REQUIRE(d.runtime.record(time, d.stream) == cuda::success);
  CHECK(d.runtime.wait(wait) == cuda::success);
  CHECK(first == 0);
  CHECK(std::isnan(second));
  CHECK(d.runtime.elapsed(ms, time, time) == cuda::not_ready);
  CHECK(signal_of([&] { *static_cast<volatile float*>(d.x) = 1; }) == SIGSEGV);
  CHECK(d.runtime.wait(time) == cuda::success);
  CHECK(second == 0);
  CHECK(d.runtime.elapsed(ms, time, time) == cuda::success);
  CHECK(d.runtime.elapsed(ms, wait, time) == EmulatedRuntime::invalid_value);
  CHECK(d.runtime.record(wait, d.stream) == cuda::success);
  CHECK(d.runtime.destroy_event(wait) == cuda::success);  // while its record is pending
  CHECK(d.runtime.destroy_event(time) == cuda::success);
}

TEST_CASE("a launch that no device would take is refused") {
  OnDevice d;
  const auto launch = [&](cuda::Extent3 grid, cuda::Extent3 block) {
    cuda::LaunchCall call;
    call.grid = grid;
    call.block = block;
    call.body = [] {};
    return d.runtime.launch(call, d.stream);
  };
  CHECK(launch({}, {1024, 1, 1}) == cuda::success);
  CHECK(launch({}, {1025, 1, 1}) == EmulatedRuntime::invalid_configuration);
  CHECK(launch({}, {32, 33, 1}) == EmulatedRuntime::invalid_configuration);
  CHECK(launch({1, 65536, 1}, {}) == EmulatedRuntime::invalid_configuration);
  CHECK(launch({0, 1, 1}, {}) == EmulatedRuntime::invalid_configuration);
}

TEST_CASE("played faults: the n-th allocation, limits, sticking errors, no code for the device; calls are counted") {
  cuda::FakeRuntime fake;
  CHECK(&cuda::runtime() == &fake);
  void *a = nullptr, *b = nullptr;
  fake.failing_allocation = 2;
  CHECK(fake.allocate(a, 100) == cuda::success);
  CHECK(fake.allocate(b, 100) == cuda::out_of_memory);
  CHECK(fake.allocate(b, 100) == cuda::success);
  CHECK(fake.calls().allocations == 3);
  CHECK(fake.in_use_bytes() == 200);
  void* c = nullptr;
  fake.capacity_bytes = 250;
  CHECK(fake.allocate(c, 51) == cuda::out_of_memory);
  std::int64_t free = 0, total = 0;
  CHECK(fake.memory(free, total) == cuda::success);
  CHECK(free == 50);
  CHECK(total == 250);
  fake.capacity_bytes.reset();
  fake.largest_allocation_bytes = 50;
  CHECK(fake.allocate(c, 51) == cuda::out_of_memory);
  CHECK(fake.allocate(c, 50) == cuda::success);
  fake.largest_allocation_bytes.reset();
  for (void* p : {a, b, c}) CHECK(fake.release(p) == cuda::success);
  CHECK(fake.in_use_bytes() == 0);

  cuda::Context context;
  Device device{Where::cuda, nullptr, &context};
  const Array x = zeros(Shape{10}, Dtype::f32, device);
  const auto add = [&] { cuda::launch(device, add_one, {1, 1, 1}, {32, 1, 1}, x.view().as<float>(), 10); };
  const std::int64_t before = fake.calls().launches;
  add();
  CHECK(fake.calls().launches == before + 1);
  fake.has_kernel_image = false;
  CHECK_THROWS_WITH_AS(add(), "[cuda] launch: no kernel image is available for execution on the device (209)",
                       GpuError);
  fake.has_kernel_image = true;
  fake.stick_at_launch(2, 700);
  add();
  const char* const text = "[cuda] launch: an illegal memory access was encountered (700)";
  CHECK_THROWS_WITH_AS(add(), text, GpuError);
  CHECK_THROWS_WITH_AS(add(), text, GpuError);
  CHECK_THROWS_WITH_AS(context.synchronize(), "[cuda] synchronize: an illegal memory access was encountered (700)",
                       GpuError);
}

TEST_CASE("the n-th call fails and all after it") {
  cuda::FakeRuntime fake;
  int count = 0;
  fake.stick(2, 700);
  CHECK(fake.device_count(count) == cuda::success);
  CHECK(fake.device_count(count) == 700);
  CHECK(fake.use_device(0) == 700);
}

// SPDX-License-Identifier: MIT
// The device's context: memory from slabs, messages if no GPU can be used, values that come back.
#include "kernels/cuda/context.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/memory.h"
#include "tests/emulator/emulated_runtime.h"
#include "tests/emulator/fake_runtime.h"

using namespace brink;
using cuda::Context;
using cuda::FakeRuntime;

namespace {

constexpr std::int64_t mebibyte = 1 << 20, slab_bytes = 64 * mebibyte;
constexpr std::int64_t partials_bytes = (Context::most_partials + Context::most_fetched) * std::int64_t{sizeof(double)};

/// The message of the exception with which opening a context fails.
template <class F>
std::string refusal(F&& prepare, int ordinal = 0) {
  FakeRuntime fake;
  prepare(fake);
  try {
    const Context context(ordinal);
  } catch (const NoDevice& e) {
    CHECK(fake.in_use_bytes() == 0);
    return e.what();
  }
  return "opened";
}

/// Slabs that follow one another in memory; nothing is ever written to them.
class Adjacent final : public FakeRuntime {
 public:
  cuda::Status allocate(void*& p, std::int64_t bytes) override {
    p = std::bit_cast<void*>(next_);
    next_ += static_cast<std::uintptr_t>(bytes);
    ++slabs;
    return cuda::success;
  }
  cuda::Status release(void*) override { return cuda::success; }
  int slabs = 0;

 private:
  std::uintptr_t next_ = std::uintptr_t{1} << 40;
};

}  // namespace

TEST_CASE("a context knows its device and gives everything back") {
  FakeRuntime fake;
  fake.devices = 3;
  fake.device = DeviceProperties{"some GPU", 8, 6, 84, 48 * 1024 * mebibyte};
  const std::int64_t before = cuda::emulated_runtime().in_use_bytes();
  {
    const Context context(2);
    CHECK(fake.last_ordinal() == 2);
    CHECK(context.properties().name == "some GPU");
    CHECK(context.properties().multiprocessors == 84);
    CHECK(context.stream() != nullptr);
    CHECK(fake.in_use_bytes() == slab_bytes);
  }
  CHECK(fake.in_use_bytes() == 0);
  CHECK(cuda::emulated_runtime().in_use_bytes() == before);
}

TEST_CASE("where no GPU can be used one line says why and what to do") {
  CHECK(refusal([](FakeRuntime& f) { f.has_driver = false; }) ==
        "no NVIDIA driver was found; give --device cpu, or leave --device out");
  CHECK(refusal([](FakeRuntime& f) { f.devices = 0; }) ==
        "the NVIDIA driver sees no GPU (is CUDA_VISIBLE_DEVICES empty?); give --device cpu, or leave --device out");
  CHECK(refusal([](FakeRuntime& f) { f.driver_version = 12040; }) ==
        "the NVIDIA driver is too old: it serves CUDA 12.4, this build needs CUDA 13.0; update the driver, or give "
        "--device cpu");
  CHECK(refusal([](FakeRuntime& f) { f.devices = 2; }, 2) ==
        "GPU 2: this machine has GPUs 0 to 1; give --device cpu, or leave --device out");
  CHECK(
      refusal([](FakeRuntime& f) {
        f.has_kernel_image = false;
        f.device = DeviceProperties{"some GPU", 8, 6, 84, 48 * 1024 * mebibyte};
      }) ==
      "this build has no code for the GPU (some GPU, compute capability 8.6); set up the build with -Dgpu_archs=86, or "
      "give --device cpu");
  // The requested function does not exist, or the image is invalid: code for other GPUs. Or the driver cannot compile the PTX.
  for (const cuda::Status s : {98, 200, 222}) {
    const std::string said = refusal([&](FakeRuntime& f) {
      f.has_kernel_image = false;
      f.launch_refusal = s;
      f.device = DeviceProperties{"some GPU", 8, 6, 84, 48 * 1024 * mebibyte};
    });
    CHECK(said.find("-Dgpu_archs=86") != std::string::npos);
    CHECK((said.find("driver is too old for this build's code") != std::string::npos) == (s == 222));
    CHECK((said.find("no code for the GPU (some GPU, compute capability 8.6)") != std::string::npos) == (s != 222));
  }
  CHECK(refusal([](FakeRuntime& f) { f.driver_refusal = 803; }) ==
        "the NVIDIA driver's library and its kernel module are of different versions; restart the machine, or give "
        "--device cpu");
  CHECK(refusal([](FakeRuntime& f) { f.driver_refusal = 804; }).find("take cuda-compat out of LD_LIBRARY_PATH") !=
        std::string::npos);
  CHECK(refusal([](FakeRuntime&) {}) == "opened");
  CHECK(refusal([](FakeRuntime& f) { f.driver_version = 13020; }) == "opened");
}

TEST_CASE("an error of the runtime says which call it was, at every call that opens a context") {
  std::int64_t calls = 0;
  {
    FakeRuntime fake;
    { const Context context; }
    calls = fake.calls().all - 3;  // three calls close it
  }
  REQUIRE(calls >= 6);
  const std::int64_t before = cuda::emulated_runtime().in_use_bytes();
  for (std::int64_t n = 1; n <= calls; ++n) {
    CAPTURE(n);
    FakeRuntime fake;
    fake.stick(n, 700);
    if (n == 1)  // a driver that cannot state its version counts as none
      CHECK_THROWS_AS(Context(), NoDevice);
    else
      CHECK_THROWS_AS(Context(), GpuError);
    CHECK(cuda::emulated_runtime().in_use_bytes() == before);
  }
  CHECK_THROWS_WITH_AS(cuda::check(700, "launch"), "[cuda] launch: an illegal memory access was encountered (700)",
                       GpuError);
  CHECK_NOTHROW(cuda::check(cuda::success, "launch"));
}

TEST_CASE("memory comes aligned from slabs, in order, and is found again when given back") {
  FakeRuntime fake;
  Context context;
  std::vector<char*> taken;
  for (int i = 0; i < 30; ++i) {
    taken.push_back(static_cast<char*>(context.allocate(mebibyte + i)));
    CHECK(reinterpret_cast<std::uintptr_t>(taken.back()) % 256 == 0);
  }
  CHECK(fake.calls().allocations == 1);
  for (std::size_t i = 1; i < taken.size(); ++i) CHECK(taken[i] >= taken[i - 1] + mebibyte);
  const std::int64_t free = context.free_bytes();

  // Given back in every order, what is left is one piece: freed pieces join with both neighbours.
  std::vector<int> order(30);
  std::iota(order.begin(), order.end(), 0);
  for (const int stride : {1, 7, 11, 29}) {
    for (int i = 0; i < 30; ++i) context.release(taken[static_cast<std::size_t>(i * stride % 30)]);
    void* const whole = context.allocate(slab_bytes - partials_bytes);
    CHECK(whole == taken[0]);
    CHECK(fake.calls().allocations == 1);
    context.release(whole);
    for (int i = 0; i < 30; ++i) CHECK(context.allocate(mebibyte + i) == taken[static_cast<std::size_t>(i)]);
    CHECK(context.free_bytes() == free);
  }

  // A hole is used again where it fits, and only there.
  context.release(taken[4]);
  CHECK(context.allocate(2 * mebibyte) != taken[4]);
  CHECK(context.allocate(1000) == taken[4]);
  CHECK(context.allocate(0) == taken[4] + 1024);
}

TEST_CASE("more than a slab is a slab of its own") {
  FakeRuntime fake;
  Context context;
  void* const large = context.allocate(slab_bytes + 1);
  CHECK(fake.calls().allocations == 2);
  CHECK(fake.in_use_bytes() == 2 * slab_bytes + 256);
  context.release(large);
  CHECK(context.allocate(slab_bytes) == large);
  CHECK(fake.calls().allocations == 2);
}

TEST_CASE("pieces of two slabs that happen to be neighbours stay two") {
  Adjacent fake;
  Context context;
  auto* const first = static_cast<char*>(context.allocate(slab_bytes - partials_bytes));
  auto* const second = static_cast<char*>(context.allocate(slab_bytes));
  REQUIRE(first + slab_bytes - partials_bytes == second);
  REQUIRE(fake.slabs == 2);
  context.release(first);
  context.release(second);
  (void)context.allocate(slab_bytes + 256);
  CHECK(fake.slabs == 3);
  CHECK(context.allocate(slab_bytes) == second);
  CHECK(context.allocate(slab_bytes - partials_bytes) == first);
}

TEST_CASE("out of memory says what was needed and what is free") {
  FakeRuntime fake;
  fake.capacity_bytes = 100 * mebibyte;
  Context context;
  void* const some = context.allocate(10 * mebibyte);
  const auto thrown = [&](std::int64_t bytes) {
    try {
      (void)context.allocate(bytes);
    } catch (const OutOfMemory& e) { return std::pair(e.needed_bytes, e.free_bytes); }
    return std::pair(std::int64_t{0}, std::int64_t{0});
  };
  const std::int64_t free = 100 * mebibyte - partials_bytes - 10 * mebibyte;
  CHECK(thrown(80 * mebibyte) == std::pair(80 * mebibyte, free));
  CHECK(context.free_bytes() == free);
  context.release(some);
  CHECK(thrown(80 * mebibyte + 1) == std::pair(80 * mebibyte + 256, free + 10 * mebibyte));
  // The device cannot give a whole slab any more, but it can give what is asked for.
  (void)context.allocate(60 * mebibyte);
  (void)context.allocate(30 * mebibyte);
  CHECK(fake.in_use_bytes() == slab_bytes + 30 * mebibyte);

  const Device device{Where::cuda, nullptr, &context};
  CHECK_THROWS_AS(Array(Shape{1 << 20, 100}, Dtype::f64, device), OutOfMemory);
  // A single allocation fails, the next does not: the second try, at the exact size, succeeds.
  fake.capacity_bytes.reset();
  fake.failing_allocation = 1;
  const std::int64_t before = fake.in_use_bytes();
  (void)context.allocate(40 * mebibyte);
  CHECK(fake.in_use_bytes() == before + 40 * mebibyte);
}

TEST_CASE("no context where its own memory cannot be had, and nothing stays behind") {
  FakeRuntime fake;
  fake.capacity_bytes = 1000;
  CHECK_THROWS_AS(Context(), OutOfMemory);
  CHECK(fake.in_use_bytes() == 0);
}

TEST_CASE("fetch waits and brings up to 4096 values; also where work waits for its stream") {
  for (const bool deferred : {false, true}) {
    cuda::emulated_runtime().set_deferred(deferred);
    {
      FakeRuntime fake;
      Context context;
      std::vector<double> values(Context::most_fetched), found(values.size());
      std::iota(values.begin(), values.end(), 0.5);
      context.copy(context.partials(), values.data(), Context::most_fetched * 8);
      context.fetch(found.data(), context.partials(), Context::most_fetched);
      CHECK(found == values);
      context.fill(context.partials(), 0, 8);
      context.fetch(found.data(), context.partials(), 2);
      CHECK(found[0] == 0);
      CHECK(found[1] == 1.5);
      CHECK(fake.calls().synchronisations == 2);
    }
    cuda::emulated_runtime().set_deferred(false);
  }
}

TEST_CASE("arrays on the device: poisoned as wished, zeroed, brought there and back, given back") {
  for (const bool deferred : {false, true}) {
    cuda::emulated_runtime().set_deferred(deferred);
    {
      Context context;
      Device device{Where::cuda, nullptr, &context};
      const std::uint32_t patterns[] = {0, 0xFFFFFFFF, 0x7FF7FFF7};
      for (const Poison p : {Poison::zero, Poison::ones, Poison::nan}) {
        set_poison(p);
        const Array fresh(Shape{7, 3}, Dtype::f32, device);
        const Array host = to_host(device, fresh.view());
        for (const float& x : host.span<float>())
          CHECK(std::bit_cast<std::uint32_t>(x) == patterns[static_cast<std::size_t>(p)]);
      }
      set_poison(Poison::zero);
      const Array zero = to_host(device, zeros(Shape{5}, Dtype::f64, device).view());
      CHECK(std::ranges::count(zero.span<double>(), 0) == 5);
      Array numbers(Shape{1000}, Dtype::f64);
      std::iota(numbers.span<double>().begin(), numbers.span<double>().end(), 1.0);
      const std::int64_t free = context.free_bytes();
      {
        const Array there = to_device(device, numbers.view());
        CHECK(context.free_bytes() == free - 8192);
        CHECK(std::ranges::equal(to_host(device, there.view()).span<double>(), numbers.span<double>()));
      }
      CHECK(context.free_bytes() == free);
    }
    cuda::emulated_runtime().set_deferred(false);
  }
}

// SPDX-License-Identifier: MIT
// Kernels that are wrong in one way each, beside correct ones: the schedules, the guards and the poison must show it.
#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <set>
#include <vector>

#include "kernels/cuda/launch.h"
#include "tests/emulator/emulated_runtime.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/emulator/guarded.h"

using namespace brink;

namespace {

constexpr int threads = 128;
constexpr std::int64_t n = 1000;

struct Values {
  float value[threads];
};

/// Each block writes the sums of neighbours, x[i] + x[i + 1] in a ring of its 128 values, `rounds` times over.
template <bool barrier_after_write, bool barrier_after_read>
__global__ void neighbours(float* out, const float* x, int rounds) {
  Values& shared = cuda::shared_memory<Values>();
  const unsigned me = threadIdx.x;
  float mine = x[blockIdx.x * threads + me];
  for (int round = 0; round < rounds; ++round) {
    shared.value[me] = mine;
    if constexpr (barrier_after_write) __syncthreads();
    mine = mine + shared.value[(me + 1) % threads];
    if constexpr (barrier_after_read) __syncthreads();
  }
  out[blockIdx.x * threads + me] = mine;
}

/// Two threads write to one place without a barrier.
__global__ void last_writer(float* out, const float*, int) {
  Values& shared = cuda::shared_memory<Values>();
  if (threadIdx.x == 3 || threadIdx.x == 70) shared.value[0] = static_cast<float>(threadIdx.x);
  __syncthreads();
  out[blockIdx.x * threads + threadIdx.x] = shared.value[0];
}

/// Lanes of one warp hand values on through shared memory: right only with a barrier of the warp.
template <bool barrier>
__global__ void lanes(float* out, const float* x, int) {
  Values& shared = cuda::shared_memory<Values>();
  const unsigned me = threadIdx.x;
  shared.value[me] = x[blockIdx.x * threads + me];
  if constexpr (barrier) __syncwarp();
  out[blockIdx.x * threads + me] = shared.value[me ^ 1];
}

/// Blocks that rely on the block before them.
__global__ void previous_block(float* out, const float* x, int) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  out[i] = blockIdx.x == 0 ? x[i] : out[i - threads] + x[i];
}

/// Copies values asynchronously; `wait` groups may still be in flight when they are read.
template <int wait>
__global__ void copied(float* out, const float* x, int) {
  Values& shared = cuda::shared_memory<Values>();
  const unsigned me = threadIdx.x;
  cuda::async_copy(&shared.value[me], &x[blockIdx.x * threads + me]);
  cuda::async_commit();
  cuda::async_wait<wait>();
  __syncthreads();
  out[blockIdx.x * threads + me] = shared.value[(me + 5) % threads];
}

/// As copied, without the barrier: a thread waits only for its own copies.
__global__ void copied_without_barrier(float* out, const float* x, int) {
  Values& shared = cuda::shared_memory<Values>();
  const unsigned me = threadIdx.x;
  cuda::async_copy(&shared.value[me], &x[blockIdx.x * threads + me]);
  cuda::async_commit();
  cuda::async_wait<0>();
  out[blockIdx.x * threads + me] = shared.value[(me + 5) % threads];
}

/// Sums into shared memory that has not been set to zero.
__global__ void accumulates(float* out, const float* x, int) {
  Values& shared = cuda::shared_memory<Values>();
  const unsigned me = threadIdx.x;
  shared.value[me] += x[blockIdx.x * threads + me];
  out[blockIdx.x * threads + me] = shared.value[me];
}

using Kernel = void (*)(float*, const float*, int);

/// The different results of a kernel under 20 schedules and three poisons.
std::set<std::vector<float>> results(Kernel kernel, int rounds = 3) {
  cuda::Context context;
  Device device{Where::cuda, nullptr, &context};
  constexpr std::int64_t count = 4 * threads;
  Array x(Shape{count}, Dtype::f32);
  for (std::int64_t i = 0; i < count; ++i)
    x.span<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i % 37 + 1);
  const Array there = to_device(device, x.view());
  std::set<std::vector<float>> found;
  for (std::uint64_t schedule = 0; schedule < 20; ++schedule) {
    emulator::set_schedule(schedule);
    set_poison(static_cast<Poison>(schedule % 3));
    const Array out(Shape{count}, Dtype::f32, device);
    cuda::launch(device, kernel, {4, 1, 1}, {threads, 1, 1}, out.view().as<float>(), there.view().as<float>(), rounds);
    std::vector<float> values;
    const Array back = to_host(device, out.view());
    for (const float v : back.span<float>())
      values.push_back(std::isfinite(v) ? v : -1);  // NaNs have no order in a set
    found.insert(values);
  }
  emulator::set_schedule(0);
  set_poison(Poison::zero);
  return found;
}

/// x[i] = 7 for i below n, by blocks of 128; `slack` elements too many or too few.
template <int slack>
__global__ void tail(float* x) {
  const std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i < n + slack) x[i] = 7;
}

bool tail_is_right(void (*kernel)(float*)) {
  cuda::Context context;
  Device device{Where::cuda, nullptr, &context};
  Guarded out(device, Shape{n}, Dtype::f32);
  out.set_poison();
  cuda::launch(device, kernel, {8, 1, 1}, {threads, 1, 1}, out.view().as<float>());
  const std::vector<float> expected(n, 7.0F);
  return out.fetch() && out.holds(expected.data());
}

}  // namespace

TEST_CASE("race: a thread reads what another writes in the same phase") {
  CHECK(results(neighbours<true, true>).size() == 1);
  CHECK(results(neighbours<false, true>).size() > 1);  // reads before the neighbour has written
  CHECK(results(neighbours<true, false>).size() > 1);  // writes before the neighbour has read
  CHECK(results(neighbours<true, false>, 1).size() == 1);
  CHECK(results(last_writer).size() > 1);
}

TEST_CASE("race: lanes of a warp without a barrier of the warp") {
  CHECK(results(lanes<true>).size() == 1);
  CHECK(results(lanes<false>).size() > 1);
}

TEST_CASE("race: a block that counts on another") { CHECK(results(previous_block).size() > 1); }

TEST_CASE("asynchronous copies: read before the wait, or without a barrier after it") {
  CHECK(results(copied<0>).size() == 1);
  const auto early = results(copied<1>);
  REQUIRE(early.size() == 1);  // poison, in every order
  CHECK(*early.begin() == std::vector<float>(4 * threads, -1));
  CHECK(*early.begin() != *results(copied<0>).begin());
  CHECK(results(copied_without_barrier).size() > 1);
}

TEST_CASE("shared memory that is read before it is written") { CHECK(results(accumulates).size() == 2); }

TEST_CASE("a wrong tail: one element too many or too few") {
  CHECK(tail_is_right(tail<0>));
  CHECK_FALSE(tail_is_right(tail<1>));
  CHECK_FALSE(tail_is_right(tail<-1>));
}

TEST_CASE("a write past the end of any buffer ends the launch where every buffer has memory of its own") {
  cuda::FakeRuntime fake;
  fake.largest_allocation_bytes = 8 << 20;
  cuda::Context context;
  Device device{Where::cuda, nullptr, &context};
  const Array x(Shape{1024}, Dtype::f32, device), behind(Shape{1024}, Dtype::f32, device);
  const auto fill = [&](void (*kernel)(float*)) {
    cuda::launch(device, kernel, {9, 1, 1}, {threads, 1, 1}, x.view().as<float>());
  };
  CHECK_NOTHROW(fill(tail<24>));
  CHECK_THROWS_WITH_AS(fill(tail<25>),
                       "[cuda] launch: unspecified launch failure: a write behind an allocation of 4096 bytes (719)",
                       GpuError);
}

TEST_CASE("a barrier that not all threads reach fails the launch, and the program can go on") {
  cuda::Context context;
  Device device{Where::cuda, nullptr, &context};
  const auto launch = [&](void (*kernel)(float*)) {
    const Array x(Shape{64}, Dtype::f32, device);
    cuda::launch(device, kernel, {1, 1, 1}, {64, 1, 1}, x.view().as<float>());
  };
  for (std::uint64_t schedule = 0; schedule < 6; ++schedule) {
    emulator::set_schedule(schedule);
    CHECK_THROWS_AS(launch([](float*) {
                      if (threadIdx.x < 40) __syncthreads();
                    }),
                    GpuError);
    CHECK_THROWS_AS(launch([](float* x) {
                      float v = 1;
                      if (threadIdx.x % 32 < 31) v += __shfl_xor_sync(0xFFFFFFFF, v, 1);
                      x[threadIdx.x] = v;
                    }),
                    GpuError);
    CHECK_NOTHROW(launch([](float*) { __syncthreads(); }));
  }
  emulator::set_schedule(0);
}

// SPDX-License-Identifier: MIT
// The emulator itself: indices, meeting points, asynchronous copies, orders, and its reports.
#include "tests/emulator/emulator.h"

#include <doctest/doctest.h>

#include <numeric>
#include <set>
#include <stdexcept>
#include <vector>

#include "kernels/cuda/device_code.h"
#include "kernels/memory.h"

using namespace brink;

namespace {

constexpr unsigned all_lanes = 0xFFFFFFFF;

bool reports(const std::string& report, const char* part) {
  const bool found = report.find(part) != std::string::npos;
  if (!found) MESSAGE("report: " << report);
  return found;
}

std::string run_warp(const std::function<void()>& body) { return emulator::run({}, {32, 1, 1}, body); }

/// Restores what the tests change.
struct Schedules {
  template <class F>
  void each(int count, F&& f) {
    for (int s = 0; s < count; ++s) {
      emulator::set_schedule(static_cast<std::uint64_t>(s));
      f();
    }
  }
  ~Schedules() {
    emulator::set_schedule(0);
    set_poison(Poison::zero);
  }
};

}  // namespace

TEST_CASE("each thread of each block runs once, with CUDA's numbering") {
  Schedules().each(4, [] {
    std::vector<int> met(3 * 2 * 2 * 5 * 4 * 3);
    REQUIRE(emulator::run({3, 2, 2}, {5, 4, 3}, [&] {
              REQUIRE(gridDim.x == 3);
              REQUIRE(blockDim.z == 3);
              const unsigned block = blockIdx.x + 3 * (blockIdx.y + 2 * blockIdx.z);
              const unsigned thread = threadIdx.x + 5 * (threadIdx.y + 4 * threadIdx.z);
              REQUIRE(emulator::lane() == static_cast<int>(thread % 32));
              ++met[block * 60 + thread];
            }).empty());
    CHECK(std::accumulate(met.begin(), met.end(), 0) == 3 * 2 * 2 * 60);
    CHECK(std::set<int>(met.begin(), met.end()) == std::set<int>{1});
  });
}

TEST_CASE("a barrier parts what is before from what is after, thread indices stay, a block is done before the next") {
  Schedules().each(10, [] {
    std::vector<int> sums;
    REQUIRE(emulator::run({4, 1, 1}, {100, 1, 1}, [&] {
              struct Memory {
                int value[100];
              };
              auto& memory = cuda::shared_memory<Memory>();
              const unsigned me = threadIdx.x;
              for (int round = 0; round < 5; ++round) {
                memory.value[me] = static_cast<int>(me) + round;
                __syncthreads();
                REQUIRE(threadIdx.x == me);
                REQUIRE(memory.value[99 - me] == static_cast<int>(99 - me) + round);
                __syncthreads();
              }
              if (me == 0) sums.push_back(static_cast<int>(blockIdx.x));
            }).empty());
    CHECK(std::set<int>(sums.begin(), sums.end()) == std::set<int>{0, 1, 2, 3});
  });
}

TEST_CASE("schedules order blocks, warps and lanes differently, and the same one does it again") {
  const auto order = [](std::uint64_t schedule) {
    emulator::set_schedule(schedule);
    std::vector<unsigned> met;
    CHECK(emulator::run({3, 1, 1}, {64, 1, 1}, [&] { met.push_back(64 * blockIdx.x + threadIdx.x); }).empty());
    emulator::set_schedule(0);
    return met;
  };
  std::vector<unsigned> ascending(192);
  std::iota(ascending.begin(), ascending.end(), 0U);
  CHECK(order(0) == ascending);
  std::set<std::vector<unsigned>> all;
  std::set<unsigned> first_blocks, first_lanes, first_warps;
  for (std::uint64_t s = 1; s <= 20; ++s) {
    const auto found = order(s);
    CHECK(found == order(s));
    all.insert(found);
    first_blocks.insert(found[0] / 64);
    first_warps.insert(found[0] % 64 / 32);
    first_lanes.insert(found[0] % 32);
  }
  CHECK(all.size() == 20);
  CHECK(first_blocks.size() == 3);
  CHECK(first_warps.size() == 2);
  CHECK(first_lanes.size() >= 10);
}

TEST_CASE("shuffles bring what CUDA brings: by lane, by exclusive or, from below, in segments, 4 and 8 bytes") {
  Schedules().each(6, [] {
    const std::string report = emulator::run({2, 1, 1}, {96, 1, 1}, [] {
      const int lane = static_cast<int>(threadIdx.x % 32);
      REQUIRE(__shfl_sync(all_lanes, 10 * lane, 7) == 70);
      REQUIRE(__shfl_sync(all_lanes, 10 * lane, lane + 1) == 10 * ((lane + 1) % 32));
      REQUIRE(__shfl_sync(all_lanes, lane, 9, 8) == lane / 8 * 8 + 1);
      REQUIRE(__shfl_xor_sync(all_lanes, 0.25 * lane, 16) == 0.25 * (lane ^ 16));
      REQUIRE(__shfl_xor_sync(all_lanes, lane, 3, 4) == (lane ^ 3));
      REQUIRE(__shfl_down_sync(all_lanes, 1.5F * static_cast<float>(lane), 4) ==
              1.5F * static_cast<float>(lane < 28 ? lane + 4 : lane));
      REQUIRE(__shfl_down_sync(all_lanes, lane, 1, 8) == (lane % 8 < 7 ? lane + 1 : lane));
      double sum = lane;
      for (int half = 16; half > 0; half /= 2) sum += __shfl_xor_sync(all_lanes, sum, half);
      REQUIRE(sum == 496);
      __syncwarp();
      if (lane < 8) {
        REQUIRE(__shfl_sync(0xFF, lane, 3) == 3);
        __syncwarp(0xFF);
      }
    });
    CHECK(report == "");
  });
}

TEST_CASE("shared memory: one for each type and block, poisoned when the block begins") {
  struct A {
    std::uint32_t word[100];
  };
  struct B {
    std::uint32_t word[100];
  };
  const std::uint32_t patterns[] = {0, 0xFFFFFFFF, 0x7FF7FFF7};
  for (const Poison p : {Poison::zero, Poison::ones, Poison::nan}) {
    set_poison(p);
    const std::string report = emulator::run({3, 1, 1}, {64, 1, 1}, [&] {
      auto& a = cuda::shared_memory<A>();
      auto& b = cuda::shared_memory<B>();
      REQUIRE(static_cast<void*>(&a) != static_cast<void*>(&b));
      REQUIRE(a.word[threadIdx.x] == patterns[static_cast<std::size_t>(p)]);
      REQUIRE(b.word[99] == patterns[static_cast<std::size_t>(p)]);
      __syncthreads();
      a.word[threadIdx.x] = threadIdx.x;
      __syncthreads();
      b.word[threadIdx.x] = a.word[63 - threadIdx.x];
    });
    CHECK(report == "");
  }
  set_poison(Poison::zero);
}

TEST_CASE("asynchronous copies: the target holds poison until the wait, and groups land in order") {
  struct Stages {
    float value[3][32];
  };
  std::vector<float> source(96);
  std::iota(source.begin(), source.end(), 1.0F);
  Schedules().each(4, [&] {
    const std::string report = run_warp([&] {
      auto& stages = cuda::shared_memory<Stages>();
      const unsigned me = threadIdx.x;
      const auto landed = [&](int stage) {
        return stages.value[stage][me] == source[static_cast<std::size_t>(stage) * 32 + me];
      };
      stages.value[0][me] = source[me];
      for (int stage = 0; stage < 3; ++stage) {
        cuda::async_copy(&stages.value[stage][me], &source[static_cast<std::size_t>(stage) * 32 + me]);
        cuda::async_commit();
      }
      REQUIRE(!landed(0));
      cuda::async_wait<3>();
      REQUIRE(!landed(0));
      cuda::async_wait<2>();
      REQUIRE(landed(0));
      REQUIRE(!landed(1));
      cuda::async_commit();  // an empty group counts
      cuda::async_wait<2>();
      REQUIRE(landed(1));
      REQUIRE(!landed(2));
      cuda::async_wait<0>();
      REQUIRE(landed(2));
      cuda::async_copy(&stages.value[0][me], &source[me + 32]);
      cuda::async_wait<0>();  // not committed: not waited for
      REQUIRE(stages.value[0][me] != source[me + 32]);
    });
    CHECK(report == "");
  });
}

TEST_CASE("a copy's source is read at its start or at its wait, as the schedule says") {
  std::set<float> found;
  for (const std::uint64_t schedule : {2U, 3U}) {
    emulator::set_schedule(schedule);
    float source = 1;
    CHECK(emulator::run({}, {}, [&] {
            auto& target = cuda::shared_memory<float>();
            cuda::async_copy(&target, &source);
            source = 2;
            cuda::async_commit();
            cuda::async_wait<0>();
            found.insert(target);
          }).empty());
  }
  emulator::set_schedule(0);
  CHECK(found == std::set<float>{1, 2});
}

TEST_CASE("what is wrong ends the launch with a report, and the next launch is well") {
  Schedules().each(6, [] {
    const unsigned line = __LINE__ + 3;
    const std::string ended = emulator::run({2, 1, 1}, {64, 1, 1}, [] {
      if (threadIdx.x < 7) return;
      __syncthreads();
    });
    CHECK(reports(ended, "7 of 64 threads ended"));
    CHECK(reports(ended, ("waits at __syncthreads " + std::string(__FILE__) + ":" + std::to_string(line)).c_str()));

    const std::string apart = run_warp([] {
      if (threadIdx.x % 2 == 0)
        __syncthreads();
      else
        __syncthreads();
    });
    CHECK(reports(apart, "threads of one block wait at"));

    CHECK(reports(run_warp([] {
                    if (threadIdx.x != 5) __syncwarp();
                  }),
                  emulator::schedule() == 0 ? "lane 5 ended without coming" : "ended"));
    CHECK(reports(run_warp([] {
                    if (threadIdx.x < 16)
                      __syncthreads();
                    else
                      __syncwarp();
                  }),
                  "waits for its warp"));
    CHECK(reports(run_warp([] {
                    if (threadIdx.x < 16) (void)__shfl_sync(0xFFFF, 1, 20);
                  }),
                  "a shuffle reads lane 20"));
    CHECK(reports(emulator::run({}, {16, 1, 1}, [] { (void)__shfl_xor_sync(all_lanes, 1, 16); }),
                  "a shuffle reads lane"));
    CHECK(reports(run_warp([] { __syncwarp(1); }), "its own mask leaves out"));
    const std::string mixed = run_warp([] {
      if (threadIdx.x < 16)
        __syncwarp();
      else
        (void)__shfl_sync(all_lanes, 1, 0);
    });
    CHECK(reports(mixed, "lanes of one warp meet at"));
    const std::string masks = run_warp([] { (void)__shfl_sync(threadIdx.x < 16 ? 0xFFFF : all_lanes, 1, 0); });
    CHECK(masks != "");

    struct Large {
      char bytes[49153];
    };
    CHECK(reports(run_warp([] { (void)cuda::shared_memory<Large>(); }), "49153 bytes of shared memory"));
    struct Small {
      volatile char bytes[16];
    };
    CHECK(reports(run_warp([] {
                    int behind = 16;
                    asm volatile("" : "+r"(behind));
                    cuda::shared_memory<Small>().bytes[behind] = 1;
                  }),
                  "a write behind 16 bytes of shared memory"));
    alignas(16) float source[8] = {};
    CHECK(reports(run_warp([&] {
                    struct Floats {
                      float value[8];
                    };
                    auto& target = cuda::shared_memory<Floats>();
                    cuda::async_copy(reinterpret_cast<float4*>(&target.value[0]),
                                     reinterpret_cast<float4*>(&source[1]));
                  }),
                  "not aligned"));
    CHECK(reports(run_warp([] { throw std::runtime_error("thrown"); }), "exception: thrown"));

    CHECK(emulator::run({2, 1, 1}, {64, 1, 1}, [] { __syncthreads(); }).empty());
  });
}

TEST_CASE("a launch inside a launch is refused") {
  std::string inner;
  CHECK(emulator::run({}, {}, [&] { inner = emulator::run({}, {}, [] {}); }).empty());
  CHECK(inner == "a launch inside a launch");
}

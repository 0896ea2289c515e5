// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <atomic>
#include <vector>

#include "kernels/device.h"

using namespace brink;

TEST_CASE("every worker runs once, and run() waits for all") {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 200; ++round) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(threads));
      pool.run([&](int w) { calls[static_cast<std::size_t>(w)]++; });
      for (auto& c : calls) REQUIRE(c == 1);
    }
  }
}

TEST_CASE("a nested run does every share on the calling thread") {
  ThreadPool pool(3);
  std::atomic<int> calls{0};
  pool.run([&](int w) {
    if (w == 0) pool.run([&](int) { calls++; });
  });
  CHECK(calls == 3);
}

TEST_CASE("parallel_for covers the range once, in pieces that start at multiples of the grain") {
  ThreadPool pool(3);
  Device device{Where::cpu, &pool, nullptr};
  for (std::int64_t n : {0, 1, 31, 32, 33, 1000, 4097}) {
    std::vector<std::atomic<int>> hits(static_cast<std::size_t>(n));
    parallel_for(device, n, 32, 0, [&](std::int64_t b, std::int64_t e) {
      CHECK(b % 32 == 0);
      for (std::int64_t i = b; i < e; ++i) hits[static_cast<std::size_t>(i)]++;
    });
    for (auto& h : hits) REQUIRE(h == 1);
  }
}

// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

#include "kernels/device.h"

using namespace brink;

TEST_CASE("every piece is done once, by a worker that exists, and run() waits for all") {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (std::int64_t round = 0; round < 400; ++round) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(round % 23));
      std::atomic<bool> known{true};
      pool.run(round % 23, [&](int w, std::int64_t p) {
        if (w < 0 || w >= threads) known = false;
        calls[static_cast<std::size_t>(p)]++;
      });
      REQUIRE(known);
      for (auto& c : calls) REQUIRE(c == 1);
    }
  }
}

TEST_CASE("a worker takes its pieces in ascending order") {
  ThreadPool pool(3);
  for (int round = 0; round < 100; ++round) {
    std::vector<std::int64_t> last(3, -1);
    std::atomic<bool> ascending{true};
    pool.run(50, [&](int w, std::int64_t p) {
      if (p <= last[static_cast<std::size_t>(w)]) ascending = false;
      last[static_cast<std::size_t>(w)] = p;
    });
    REQUIRE(ascending);
  }
}

TEST_CASE("a run inside a run is refused") {
  ThreadPool pool(2);
  std::atomic<int> refused{0};
  pool.run(4, [&](int, std::int64_t) {
    try {
      pool.run(2, [](int, std::int64_t) {});
    } catch (const std::logic_error&) { refused++; }
  });
  CHECK(refused == 4);
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

// SPDX-License-Identifier: MIT
// The frozen runs, on one and on three threads: both precisions, both losses, evaluation mode, chunks, divergence.
#include "tests/bits/frozen.h"

#include <doctest/doctest.h>

#include "tests/training/small_run.h"

namespace {

brink::test::SmallRun run(const std::vector<std::string>& sets, const char* threads) {
  return brink::test::SmallRun(sets, {{"threads", threads}});
}

}  // namespace

TEST_CASE("a frozen run's metrics.csv and events.csv are what they were, byte for byte") {
  for (const support::FrozenRun& frozen : support::frozen_runs())
    for (const char* threads : {"1", "3"}) {
      CAPTURE(std::string(frozen.name));
      CAPTURE(std::string(threads));
      const brink::test::SmallRun found = run(frozen.sets, threads);
      CHECK(found.digest("metrics.csv") == frozen.metrics);
      CHECK(found.digest("events.csv") == frozen.events);
    }
}

TEST_CASE("control: another seed, and a rate that differs in its last digit, are other files") {
  const support::FrozenRun& frozen = support::frozen_runs().front();
  for (const char* change : {"training.seed=1", "data.seed=1"}) {
    std::vector<std::string> sets = frozen.sets;
    sets.emplace_back(change);
    CHECK(run(sets, "1").digest("metrics.csv") != frozen.metrics);
  }
  std::vector<std::string> sets = frozen.sets;
  sets.back() = "training.learning_rate=0.30000000000000004";
  CHECK(run(sets, "1").digest("metrics.csv") != frozen.metrics);
}

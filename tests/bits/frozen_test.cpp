// SPDX-License-Identifier: MIT
// The frozen runs, on one and on three threads: all networks, both precisions, both losses, evaluation mode, chunks, divergence.
#include "tests/bits/frozen.h"

#include <doctest/doctest.h>
#include <xxhash.h>

#include <cstdio>

#include "tests/training/temporary_folder.h"
#include "training/io/console.h"
#include "training/io/text.h"
#include "training/run/train.h"

using namespace brink;

namespace {

std::string digest_of_file(const std::string& path) {
  const std::string text = test::read_text(path);
  return hex_text(XXH3_64bits(text.data(), text.size()));
}

struct Digests {
  std::string metrics, events;
};

Digests run(const std::vector<std::string>& sets, const char* threads) {
  const test::TemporaryFolder folder;
  const std::string out = folder / "run", said = folder / "said";
  std::FILE* const file = std::fopen(said.c_str(), "w");
  REQUIRE(file);
  Console console(fileno(file));
  (void)train(load_config({{}, sets, {{"threads", threads}}}), {out, false}, console);
  (void)std::fclose(file);
  return {digest_of_file(out + "/metrics.csv"), digest_of_file(out + "/events.csv")};
}

}  // namespace

TEST_CASE("a frozen run's metrics.csv and events.csv are what they were, byte for byte") {
  for (const support::FrozenRun& frozen : support::frozen_runs())
    for (const char* threads : {"1", "3"}) {
      CAPTURE(frozen.name);
      CAPTURE(threads);
      const Digests found = run(frozen.sets, threads);
      CHECK(found.metrics == frozen.metrics);
      CHECK(found.events == frozen.events);
    }
}

TEST_CASE("control: another seed, and a rate that differs in its last digit, are other files") {
  const support::FrozenRun& frozen = support::frozen_runs().front();
  for (const char* change : {"training.seed=1", "data.seed=1"}) {
    std::vector<std::string> sets = frozen.sets;
    sets.emplace_back(change);
    CHECK(run(sets, "1").metrics != frozen.metrics);
  }
  std::vector<std::string> sets = frozen.sets;
  sets.back() = "training.learning_rate=0.30000000000000004";
  CHECK(run(sets, "1").metrics != frozen.metrics);
}

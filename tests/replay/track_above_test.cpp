// SPDX-License-Identifier: MIT
// Runs that track all eigenvalues above a multiple of the threshold: resumed, forked and measured at random steps.
#include <random>
#include <set>

#include "tests/replay/replay_runs.h"
#include "training/replay/measure.h"
#include "training/replay/segments.h"

using namespace brink;
using namespace brink::test;

namespace {

/// The number of eigenvalues above the limit changes in every few steps.
Sets tracked(const Sets& more = {}) {
  return with(small_mlp({"measure.top=1", "measure.track_above=0.5", "measure.top_most=6", "run.checkpoint_every=3"}),
              more);
}

ExitCode resume(const std::string& folder, const Sets& sets) {
  Said said;
  TrainOptions options{folder};
  options.resume = true;
  return train(load_config({{}, sets, {}}), options, said.console());
}

/// The rows of spectra.csv from a step on, with its header.
std::string spectra_from(const std::string& folder, std::int64_t step) {
  std::string out;
  for (const std::string& line : lines(folder + "/spectra.csv"))
    if (out.empty() || std::stoll(line) >= step) out += line;
  return out;
}

std::vector<std::int64_t> random_steps(int count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::int64_t> out;
  while (std::ssize(out) < count) out.push_back(1 + static_cast<std::int64_t>(random() % 39));
  return out;
}

}  // namespace

TEST_CASE("track_above: resumed and forked at random steps, the same rows, spectra and events") {
  const TemporaryFolder folder;
  const std::string whole = folder / "whole";
  REQUIRE(run(whole, tracked()) == ExitCode::done);
  std::set<std::string> counts;
  for (std::int64_t t = 0; t <= 40; ++t) counts.insert(cell(whole + "/metrics.csv", t, "unstable_count"));
  REQUIRE(counts.size() > 2);
  int i = 0;
  for (const std::int64_t at : random_steps(6, 3)) {
    CAPTURE(at);
    const std::string resumed = folder / ("resumed" + std::to_string(i)),
                      forked = folder / ("forked" + std::to_string(i));
    REQUIRE(run(resumed, tracked(), at) == ExitCode::interrupted);
    CHECK(resume(resumed, tracked({"run.threads=" + std::to_string(1 + i % 3)})) == ExitCode::done);
    for (const char* file : {"/metrics.csv", "/spectra.csv", "/events.csv"})
      CHECK(read_text(resumed + file) == read_text(whole + file));
    Said said;
    CHECK(fork_run({whole, at, {}, {{"threads", std::to_string(1 + i % 2)}}, forked}, said.console()).code ==
          ExitCode::done);
    CHECK(read_text(forked + "/metrics.csv") == metrics_from(whole, at));
    CHECK(read_text(forked + "/spectra.csv") == spectra_from(whole, at));
    CHECK(spectra_from(whole, at) != spectra_from(whole, at + 1));  // control
    ++i;
  }
}

TEST_CASE("track_above: measured afterwards, the counts of a run that had it from the start") {
  const TemporaryFolder folder;
  const std::string whole = folder / "whole", plain = folder / "plain";
  REQUIRE(run(whole, tracked()) == ExitCode::done);
  REQUIRE(run(plain, small_mlp({"measure.top=1"})) == ExitCode::done);
  for (const std::int64_t at : random_steps(3, 5)) {
    const std::int64_t last = std::min<std::int64_t>(at + 5, 40);
    CAPTURE(at);
    Said said;
    const std::string table = measure_run({plain,
                                           parse_steps(std::to_string(at) + ":" + std::to_string(last)),
                                           {"measure.track_above=0.5", "measure.top_most=6"},
                                           {}},
                                          said.console());
    for (std::int64_t t = at; t <= last; ++t)
      for (const char* column : {"unstable_count", "unstable_complete"})
        CHECK(cell(table, t, column) == cell(whole + "/metrics.csv", t, column));
  }
}

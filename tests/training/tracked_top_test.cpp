// SPDX-License-Identifier: MIT
// As many eigenvalues as are above a multiple of the threshold, and eigenvectors that are followed through crossings.
#include "training/tracked_top.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/memory.h"
#include "tests/support/networks.h"
#include "tests/training/small_run.h"
#include "training/branches.h"
#include "training/loop.h"

using namespace brink;
using brink::test::SmallRun;

namespace {

TrainerOptions options_of(double rate, double above, int top, int most) {
  TrainerOptions o;
  o.schedule = std::make_shared<ConstantRate>(rate);
  o.track_above = above;
  o.tracker = TrackerOptions{
      .top = top, .bottom = 0, .most_top = most, .tolerance = 1e-8, .cold_check = 5, .budget = 400, .max_basis = 60};
  return o;
}

}  // namespace

TEST_CASE("every eigenvalue above the limit is measured, and no more than one below it; too few are reported") {
  const support::Network n({.samples = 200});
  Device device;
  const auto run = [&](double above, int top, int most, auto check) {
    Trainer trainer(device, n.objective, n.data(), Batch{}, options_of(3.0, above, top, most), n.theta.view());
    for (int t = 0; t < 3; ++t) {
      const Row& row = trainer.step();
      check(row, trainer.seen());
    }
  };
  std::vector<std::vector<double>> all;
  run(0, 12, 12, [&](const Row&, const Observed& seen) {
    all.emplace_back();
    for (const Eigenvalue& e : seen.spectrum.top) all.back().push_back(e.value);
    CHECK_FALSE(seen.unstable);
    CHECK(seen.branches.empty());
  });
  for (const double above : {1.0, 0.5}) {
    CAPTURE(above);
    std::size_t step = 0;
    int several = 0;
    run(above, 1, 12, [&](const Row& row, const Observed& seen) {
      const double limit = above * seen.threshold;
      const auto over = [&](double least) {
        return std::ranges::count_if(all[step], [&](double x) { return x > least; });
      };
      REQUIRE(seen.unstable);
      CHECK(seen.unstable->complete);
      CHECK(seen.unstable->count == over(seen.threshold));
      CHECK(*row.number("unstable_count") == static_cast<double>(over(seen.threshold)));
      CHECK(*row.number("unstable_complete") == 1);
      CHECK(static_cast<std::ptrdiff_t>(seen.spectrum.top.size()) >= over(limit) + 1);
      CHECK(seen.branches.size() == seen.spectrum.top.size());
      several += over(limit) > 1;
      ++step;
    });
    CHECK(several > 0);
  }
  run(1.0, 1, 2, [](const Row& row, const Observed& seen) {
    CHECK(seen.spectrum.top.size() <= 2);
    if (seen.spectrum.top.back().value > seen.threshold) CHECK(*row.number("unstable_complete") == 0);
  });
}

TEST_CASE(
    "a budget that growth uses up: the row has no more products, and says that the eigenvalues are not complete") {
  const support::Network n({.samples = 200});
  Device device;
  TrainerOptions o = options_of(3.0, 0.5, 1, 12);
  o.tracker->budget = 40;
  Trainer trainer(device, n.objective, n.data(), Batch{}, o, n.theta.view());
  int incomplete = 0;
  for (int t = 0; t < 6; ++t) {
    const Row& row = trainer.step();
    CHECK(trainer.seen().products <= 40);
    REQUIRE(trainer.seen().unstable);
    const bool complete = trainer.seen().unstable->complete;
    CHECK(*row.number("unstable_complete") == (complete ? 1 : 0));
    if (trainer.seen().spectrum.top.back().value > 0.5 * trainer.seen().threshold) CHECK_FALSE(complete);
    incomplete += !complete;
  }
  CHECK(incomplete > 0);
}

TEST_CASE("pairs of largest overlap, each vector once; below the least overlap there is no pair") {
  std::vector<int> out(3);
  match_by_overlap({0.1, 0.9, 0.95, 0.2}, 2, 2, 0.7, out);
  CHECK(out[0] == 1);
  CHECK(out[1] == 0);
  match_by_overlap({0.9, 0.8, 0.1, 0.2}, 2, 2, 0.7, out);
  CHECK(out[0] == 0);
  CHECK(out[1] == -1);
  match_by_overlap({0.1, 0.2, 0.99}, 3, 1, 0.7, out);
  CHECK(out == std::vector<int>{-1, -1, 0});
}

TEST_CASE("a branch keeps its number where eigenvalues cross, and a new vector gets a new one") {
  Device d;
  constexpr std::int64_t n = 64;
  const auto rows = [&](std::vector<std::pair<int, double>> axes) {  // unit vectors along axes, turned a little
    Array out = zeros({4, n}, Dtype::f64, d);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      out.view().as<double>()[static_cast<std::int64_t>(i) * n + axes[i].first] = std::cos(axes[i].second);
      out.view().as<double>()[static_cast<std::int64_t>(i) * n + 60] = -std::sin(axes[i].second);
    }
    return out;
  };
  Branches b(d, n, 4);
  const Array first = rows({{3, 0.0}, {9, 0.0}}), crossed = rows({{9, 0.1}, {3, -0.1}, {20, 0}});
  using Ids = std::vector<std::int64_t>;
  CHECK(b.follow(first.view(), first.view(), 2, 0) == Ids{1, 2});
  CHECK(b.follow(crossed.view(), first.view(), 3, 1) == Ids{2, 1, 3});
  CHECK(b.follow(crossed.view(), first.view(), 2, 1) == Ids{2, 1});  // the same step again
  b.abandon(1);
  b.abandon(1);
  CHECK(b.follow(crossed.view(), first.view(), 3, 1) == Ids{2, 1, 3});
}

TEST_CASE("spectra.csv has a row for each measured eigenvalue, the same for any threads and after a resume") {
  const std::vector<std::string> sets{"data.train=200",
                                      "data.test=100",
                                      "model.hidden=[16,12]",
                                      "training.steps=25",
                                      "training.learning_rate=0.3",
                                      "measure.track_above=0.9",
                                      "measure.top_most=6"};
  const SmallRun one(sets, {{"threads", "1"}}), three(sets, {{"threads", "3"}});
  CHECK(one.digest("spectra.csv") == three.digest("spectra.csv"));
  CHECK(one.digest("metrics.csv") == three.digest("metrics.csv"));
}

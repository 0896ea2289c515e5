// SPDX-License-Identifier: MIT
// The random walk against closed forms and sequences of signs followed one by one.
#include "tools/walk/walk.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>

#include "tools/walk/branches.h"

using namespace brink;
using walk::Branches;
using walk::Options;
using walk::Snapshot;
using Doubles = std::vector<double>;

namespace {

std::vector<Snapshot> simulate(const Options& o, int threads = 2) {
  ThreadPool pool(threads);
  Device device{Where::cpu, &pool};
  return walk::simulate(o, device);
}

bool same(const Doubles& a, const Doubles& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}
bool same(const Snapshot& a, const Snapshot& b) {
  return a.step == b.step &&
         same(Doubles{a.mean, a.variance, a.skewness, a.lowest, a.highest},
              Doubles{b.mean, b.variance, b.skewness, b.lowest, b.highest}) &&
         same(a.quantiles, b.quantiles) && same(a.kept, b.kept) && a.counts == b.counts &&
         a.below_start == b.below_start && a.absorbed == b.absorbed;
}

double h_of(const walk::StepSize& h, double x) { return h.floor + h.height / (1 + std::exp(-h.slope * x)); }

/// Mean, variance and share below the start of all 2^steps sequences.
struct Exact {
  double mean, variance, below;
};
Exact exact(const walk::StepSize& h, double start, int steps) {
  Doubles ends{start};
  for (int t = 0; t < steps; ++t) {
    Doubles next;
    for (const double x : ends) next.insert(next.end(), {x + h_of(h, x), x - h_of(h, x)});
    ends = std::move(next);
  }
  const auto n = static_cast<double>(ends.size());
  const double mean = std::accumulate(ends.begin(), ends.end(), 0.0) / n;
  double variance = 0, below = 0;
  for (const double x : ends) variance += (x - mean) * (x - mean) / n, below += (x < start) / n;
  return {mean, variance, below};
}

double choose(int n, int k) {
  double out = 1;
  for (int i = 0; i < k; ++i) out = out * (n - i) / (i + 1);
  return std::round(out);
}

}  // namespace

TEST_CASE("constant steps: the mean stays, the variance grows by h² a step") {
  Options o{.paths = 200'000, .steps = 130, .every = 65, .h = {0.25, 0, 1}, .start = {{2}}};
  const std::vector<Snapshot> found = simulate(o);
  REQUIRE(found.size() == 3);
  CHECK(found[0].variance == 0);
  CHECK(found[0].quantiles == Doubles(o.levels.size(), 2));
  for (const Snapshot& s : found) {
    const double variance = 0.0625 * static_cast<double>(s.step), n = static_cast<double>(o.paths);
    CHECK(std::fabs(s.mean - 2) <= 5 * std::sqrt(variance / n));
    CHECK(std::fabs(s.variance - variance) <= 5 * variance * std::sqrt(2 / n));
    CHECK(std::fabs(s.skewness) < 5 * std::sqrt(6 / n));
    for (const double x : s.kept)  // dyadic, so that every position is exact: an even or odd number of steps of ¼
      CHECK(std::fmod(std::fabs(x - 2) * 4 + static_cast<double>(s.step), 2) == 0);
  }
  o.h.floor = 0.26;  // control
  CHECK(std::fabs(simulate(o)[2].variance - 0.0625 * 130) > 5 * 0.0625 * 130 * std::sqrt(2 / 2e5));
}

TEST_CASE("state-dependent steps: mean, variance and share below the start are those of all sequences") {
  const auto distance = [](const walk::StepSize& simulated, const walk::StepSize& followed) {
    const int steps = 12;
    const Options o{.paths = 400'000, .steps = steps, .every = steps, .seed = 5, .h = simulated, .start = {{0.5}}};
    const Snapshot last = simulate(o).back();
    const Exact expected = exact(followed, 0.5, steps);
    const double n = static_cast<double>(o.paths);
    const double sigmas[] = {
        std::fabs(last.mean - expected.mean) / std::sqrt(expected.variance / n),
        std::fabs(last.variance - expected.variance) / (expected.variance * std::sqrt(3 / n)),
        std::fabs(static_cast<double>(last.below_start) / n - expected.below) / std::sqrt(0.25 / n)};
    return *std::ranges::max_element(sigmas);
  };
  CHECK(std::fabs(exact({}, 0.5, 12).mean - 0.5) < 1e-12);
  CHECK(distance({0.05, 0.25, 1}, {0.05, 0.25, 1}) < 5);
  CHECK(distance({0.05, 0.25, 40}, {0.05, 0.25, 40}) < 5);
  CHECK(distance({0.05, 0.25, 40}, {0.05, 0.25, 1}) > 8);  // control
}

TEST_CASE("the start: a normal distribution, and a mixture with weights") {
  Options o{.paths = 200'000, .steps = 0, .start = {{1, 0.25}}};
  Snapshot s = simulate(o)[0];
  CHECK(std::fabs(s.mean - 1) < 5 * 0.25 / std::sqrt(2e5));
  CHECK(std::fabs(std::sqrt(s.variance) - 0.25) < 5 * 0.25 / std::sqrt(4e5));
  CHECK(std::fabs(s.quantiles[4] - 1) < 0.005);
  o.start = {{0, 0.1, 1}, {1.2, 0.1, 3}};
  s = simulate(o)[0];
  CHECK(std::fabs(s.mean - 0.9) < 5 * std::sqrt(0.01 + 0.27) / std::sqrt(2e5));
  CHECK(std::fabs(s.variance - (0.01 + 0.75 * 0.25 * 1.44)) < 0.003);
  CHECK(s.below_start == 0);
}

TEST_CASE("threads, and how often there is a snapshot, change no bit") {
  Options o{.paths = 10'001,
            .steps = 130,
            .every = 13,
            .seed = 3,
            .start = {{0, 0.1}, {1.2, 0.1}},
            .coupling = walk::Coupling{1.5, 0.1, 0.2},
            .kept = 77};
  const std::vector<Snapshot> one = simulate(o, 1);
  for (const int threads : {2, 3, 5}) {
    const std::vector<Snapshot> more = simulate(o, threads);
    REQUIRE(more.size() == one.size());
    for (std::size_t i = 0; i < one.size(); ++i) CHECK(same(one[i], more[i]));
  }
  o.every = 7;  // 130 is no multiple of it
  CHECK(same(simulate(o).back(), one.back()));
  o.seed = 4;  // control
  CHECK_FALSE(same(simulate(o).back(), one.back()));
  o.seed = 3;
  o.paths = 77;  // the first paths do not depend on how many there are
  CHECK(same(simulate(o).back().kept, one.back().kept));
}

TEST_CASE("moments, quantiles and counts are those of the paths") {
  Options o{.paths = 4097, .steps = 30, .every = 30, .start = {{1, 0.25}}, .bins = 50, .kept = 4097};
  const Snapshot s = simulate(o).back();
  Doubles x = s.kept;
  std::ranges::sort(x);
  CHECK(s.lowest == x.front());
  CHECK(s.highest == x.back());
  for (std::size_t q = 0; q < o.levels.size(); ++q)
    CHECK(s.quantiles[q] == x[static_cast<std::size_t>(std::ceil(o.levels[q] * 4097)) - 1]);
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / 4097;
  double second = 0, third = 0;
  for (const double v : x) second += std::pow(v - mean, 2) / 4097, third += std::pow(v - mean, 3) / 4097;
  CHECK(s.mean == doctest::Approx(mean).epsilon(1e-13));
  CHECK(s.variance == doctest::Approx(second).epsilon(1e-12));
  CHECK(s.skewness == doctest::Approx(third / std::pow(second, 1.5)).epsilon(1e-11));
  CHECK(std::accumulate(s.counts.begin(), s.counts.end(), std::int64_t{0}) == 4097);
  const double width = (x.back() - x.front()) / 50;
  std::int64_t below = 0;
  for (std::size_t b = 0; b + 1 < s.counts.size(); ++b) {
    below += s.counts[b];
    CHECK(std::abs(below - std::ranges::count_if(
                               x, [&](double v) { return v < x.front() + width * static_cast<double>(b + 1); })) <= 1);
  }
}

TEST_CASE("coupled: a path is absorbed where its surplus is not positive") {
  // Steps of ±¼ from 0.625 are absorbed at and below 0, that is after three more − than +.
  Options o{
      .paths = 200'000, .steps = 40, .every = 40, .h = {0.25, 0, 1}, .start = {{0.625}}, .coupling = walk::Coupling{}};
  const Snapshot s = simulate(o).back();
  Doubles alive(200, 0.0);
  alive[100] = 1;
  double absorbed = 0;
  for (int t = 0; t < 39; ++t) {  // the surplus of step 39 is the last that is looked at
    Doubles next(200, 0.0);
    for (std::size_t i = 1; i + 1 < next.size(); ++i) next[i - 1] += alive[i] / 2, next[i + 1] += alive[i] / 2;
    for (std::size_t i = 0; i <= 97; ++i) absorbed += next[i], next[i] = 0;
    alive = next;
  }
  CHECK(std::fabs(static_cast<double>(s.absorbed) / 2e5 - absorbed) < 5 * std::sqrt(absorbed * (1 - absorbed) / 2e5));
  CHECK(s.lowest == -0.125);
  CHECK(std::fabs(s.mean - 0.625) < 5 * std::sqrt(s.variance / 2e5));

  o.coupling->boundary = 1;  // not in an instability at step 0
  const Snapshot quiet = simulate(o).back();
  CHECK(quiet.absorbed == o.paths);
  CHECK(quiet.variance == 0);
  o.coupling->boundary = -100;
  CHECK(simulate(o).back().absorbed == 0);
  o.coupling->noise = 1000;  // a noise far above the surplus absorbs about half of the paths at each step
  o.every = 1;
  CHECK(std::fabs(static_cast<double>(simulate(o)[2].absorbed) / 2e5 - 0.7) < 0.1);
}

TEST_CASE("all sequences: numbers of each sum, two steps by hand, and the lemmas hold for an increasing h") {
  const walk::StepSize h;
  for (const double start : {-1.0, 1.0}) {
    const std::vector<Branches> rows = walk::follow_branches(h, start, 12);
    REQUIRE(rows.size() == 12);
    for (const Branches& b : rows) {
      CAPTURE(b.length);
      const bool even = b.length % 2 == 0;
      const double zero = even ? choose(b.length, b.length / 2) : 0, all = std::exp2(b.length);
      CHECK(static_cast<double>(b.zero_sum.sequences) == zero);
      CHECK(static_cast<double>(b.negative_sum.sequences) == (all - zero) / 2);
      for (const walk::Ends* e : {&b.zero_sum, &b.negative_sum}) {
        CHECK(e->below == e->sequences);
        if (e->sequences > 0) CHECK(e->highest < 0);
      }
      CHECK(b.undecided == 0);
      CHECK(static_cast<double>(b.below) >= (all + zero) / 2);
      CHECK(std::isnan(b.median) == !even);
      CHECK(b.rounding < 1e-12);
      if (!even) continue;
      CHECK(b.drop > 0);
      CHECK(b.median <= -b.drop * b.length / 2);
      CHECK(b.pathwise <= 0);
    }
    const double up = h_of(h, start), back = h_of(h, start + up), down = h_of(h, start - up);
    const Branches& two = rows[1];
    CHECK(two.zero_sum.highest == doctest::Approx(std::max(up - back, down - up)).epsilon(1e-12));
    CHECK(two.negative_sum.highest == doctest::Approx(-up - down).epsilon(1e-12));
    CHECK(two.below == 3);
    CHECK(two.highest == doctest::Approx(start + up + back).epsilon(1e-12));
    CHECK(two.lowest == doctest::Approx(start - up - down).epsilon(1e-12));
  }
  // Controls: constant steps return to the start, and an h that falls ends above it.
  const Branches constant = walk::follow_branches({0.25, 0, 1}, 1, 8).back();
  CHECK(constant.zero_sum.below == 0);
  CHECK(constant.zero_sum.undecided == constant.zero_sum.sequences);
  CHECK(constant.negative_sum.below == constant.negative_sum.sequences);
  CHECK(walk::follow_branches({0.05, 0.25, -1}, 1, 8).back().zero_sum.above > 0);
  // Far out a steep h no longer changes within rounding.
  CHECK(walk::follow_branches({0.05, 0.25, 40}, 4, 8).back().zero_sum.undecided > 0);
}

TEST_CASE("options that make no sense are refused") {
  const auto refused = [](const std::function<void(Options&)>& change) {
    Options o{.paths = 10, .steps = 1};
    change(o);
    try {
      simulate(o);
    } catch (const std::invalid_argument&) { return true; }
    return false;
  };
  CHECK_FALSE(refused([](Options&) {}));
  CHECK(refused([](Options& o) { o.paths = 0; }));
  CHECK(refused([](Options& o) { o.every = 0; }));
  CHECK(refused([](Options& o) { o.start.clear(); }));
  CHECK(refused([](Options& o) { o.start[0].deviation = -1; }));
  CHECK(refused([](Options& o) { o.start[0].weight = 0; }));
  CHECK(refused([](Options& o) { o.h.floor = -0.1; }));
  CHECK(refused([](Options& o) { o.h.slope = std::nan(""); }));
  CHECK(refused([](Options& o) { o.levels = {0}; }));
  CHECK(refused([](Options& o) { o.coupling = walk::Coupling{1, 0, -1}; }));
  CHECK_THROWS_AS(walk::follow_branches({}, 1, 0), std::invalid_argument);
  CHECK_THROWS_AS(walk::follow_branches({}, 1, walk::longest_sequence + 1), std::invalid_argument);
}

// SPDX-License-Identifier: MIT
#include "spectral/tracker.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "tests/support/spectra.h"

using namespace brink;
using support::KnownSpectrum;
using support::rough_normals;

namespace {

/// A spectrum like a small network's: a few outliers, a few negative ones, and nearly nothing else.
std::vector<double> network_like(std::size_t n) {
  std::vector<double> lambda(n);
  for (std::size_t i = 0; i < n; ++i) lambda[i] = 1e-3 * support::uniform(3, i);
  const double outliers[] = {20, 14, 9, 5, 3, 2, 1.5, 1, 0.7, 0.5, -1.2, -1, -0.8, -0.5, -0.3};
  std::copy(std::begin(outliers), std::end(outliers), lambda.begin());
  return lambda;
}

LinearOperator diagonal(const std::vector<double>& lambda) {
  return {static_cast<std::int64_t>(lambda.size()), Dtype::f64, [&lambda](View x, View y) {
            for (std::size_t e = 0; e < lambda.size(); ++e) y.span<double>()[e] = lambda[e] * x.span<double>()[e];
          }};
}

}  // namespace

TEST_CASE(
    "tracking a slowly turning operator: every value certified, cold checks on time, fewer products than cold starts") {
  for (auto [top, bottom] : {std::pair{1, 0}, {0, 1}, {1, 1}, {3, 2}}) {
    const std::size_t n = 3000;
    KnownSpectrum known(network_like(n), 4);
    Device d;
    const TrackerOptions options{.top = top, .bottom = bottom, .cold_check = 10};
    EigenTracker tracker(d, static_cast<std::int64_t>(n), Dtype::f32, options, rough_normals(1));
    EigenTracker cold(d, static_cast<std::int64_t>(n), Dtype::f32, options, rough_normals(1));
    int warm_products = 0, cold_products = 0;
    for (int step = 0; step < 30; ++step) {
      known.turn(0.01, 100 + static_cast<std::uint64_t>(step));
      known.lambda[0] = 20 + 2 * std::sin(0.3 * step);
      known.lambda[10] = -1.2 - 0.1 * std::sin(0.2 * step);
      std::vector<double> truth = known.lambda;
      std::sort(truth.begin(), truth.end());
      const int before = known.products;
      const TrackerStep s = tracker.measure(known.op(Dtype::f32), step, step == 17);
      CHECK(s.products == known.products - before);
      CHECK(s.converged);
      CHECK(s.finite);
      CHECK_FALSE(s.redone);
      CHECK(s.cold_checked == (step > 0 && (step % 10 == 0 || step == 17)));
      CHECK((step == 0 || s.cold_checked || s.warm));
      for (std::size_t i = 0; i < s.top.size(); ++i) {
        CHECK(s.top[i].relative <= 1e-3);
        CHECK(std::fabs(s.top[i].value - truth[n - 1 - i]) <= s.top[i].residual + 1e-5 * s.scale);
      }
      for (std::size_t i = 0; i < s.bottom.size(); ++i) {
        CHECK(s.bottom[i].relative <= 1e-3);
        CHECK(std::fabs(s.bottom[i].value - truth[i]) <= s.bottom[i].residual + 1e-5 * s.scale);
      }
      if (!s.cold_checked && step > 0) {
        warm_products += s.products;
        cold.forget();
        cold_products += cold.measure(known.op(Dtype::f32), step).products;
      }
    }
    CHECK(warm_products < cold_products);
  }
}

TEST_CASE(
    "an eigenvalue that overtakes unseen: noise finds it in some steps, a cold check at once, and without both it "
    "would be missed") {
  std::vector<double> lambda = network_like(2000);
  const LinearOperator op = diagonal(lambda);
  for (const auto& way : {std::pair{0.0, false}, {0.0, true}, {0.1, false}}) {
    const double noise = way.first;
    const bool check = way.second;
    CAPTURE(noise);
    CAPTURE(check);
    lambda[0] = 20;
    lambda[1] = 14;
    Device d;
    EigenTracker tracker(d, 2000, Dtype::f64,
                         {.top = 1, .bottom = 0, .tolerance = 1e-3, .cold_check = 0, .noise = noise}, rough_normals(2));
    TrackerStep s = tracker.measure(op, 0);
    REQUIRE(s.converged);
    CHECK_FALSE(s.warm);
    for (int step = 1; step < 8; ++step) s = tracker.measure(op, step);  // the vectors settle
    lambda[1] = 21;
    s = tracker.measure(op, 8, check);
    REQUIRE(s.converged);
    CHECK(s.redone == check);
    REQUIRE(s.disagreement.has_value() == check);
    if (check) {
      CHECK_FALSE(s.disagreement->bottom);
      CHECK(s.disagreement->index == 0);
      CHECK(std::fabs(s.disagreement->warm - 20) < 0.1);
      CHECK(std::fabs(s.disagreement->cold - 21) < 0.1);
      CHECK(s.disagreement->allowed < 0.5);
    }
    CHECK(s.warm != check);
    if (check) CHECK(std::fabs(s.top[0].value - 21) <= s.top[0].residual);
    for (int step = 9; step < 69; ++step) {  // noise adds a little of the missing part at every step
      s = tracker.measure(op, step);
      CHECK(s.converged);
      CHECK(s.warm);
    }
    CHECK((std::fabs(s.top[0].value - 21) <= s.top[0].residual) == (noise > 0 || check));
  }
}

TEST_CASE("an operator that fails ends the step unconverged and the next good one goes on") {
  std::vector<double> lambda = network_like(500);
  LinearOperator op = diagonal(lambda);
  Device d;
  EigenTracker tracker(d, 500, Dtype::f64, {}, rough_normals(3));
  REQUIRE(tracker.measure(op, 0).converged);
  LinearOperator bad = op;
  bad.apply = [&](View x, View y) {
    op.apply(x, y);
    y.span<double>()[3] = NAN;
  };
  const TrackerStep s = tracker.measure(bad, 1, true);
  CHECK_FALSE(s.finite);
  CHECK_FALSE(s.converged);
  CHECK(s.top.empty());
  CHECK(s.products == 1);
  const TrackerStep t = tracker.measure(op, 2);
  CHECK(t.converged);
  CHECK(t.warm);
  CHECK(std::fabs(t.top[0].value - 20) <= t.top[0].residual);
}

TEST_CASE("the budget holds for all runs of a step together, and what did not converge says so") {
  KnownSpectrum known(network_like(1000), 4);
  Device d;
  EigenTracker tracker(d, 1000, Dtype::f32, {.tolerance = 1e-5, .budget = 9}, rough_normals(4));
  for (int step = 0; step < 4; ++step) {
    const TrackerStep s = tracker.measure(known.op(Dtype::f32), step, true);
    CHECK(s.products <= 9);
    CHECK_FALSE(s.converged);
    CHECK(s.top.size() == 1);
    CHECK(s.top[0].residual > 0);
  }
}

TEST_CASE("the budget holds for a step that is measured again with more pairs or a check; then what was found stays") {
  KnownSpectrum known(network_like(1000), 4);
  const LinearOperator a = known.op(Dtype::f64);
  for (const int budget : {5, 30, 300}) {
    CAPTURE(budget);
    Device d;
    EigenTracker tracker(d, 1000, Dtype::f64, {.top = 1, .bottom = 0, .most_top = 6, .budget = budget},
                         rough_normals(4));
    for (int step = 0; step < 3; ++step) {
      int products = 0;
      std::size_t found = 0;
      for (int top = 1; top <= 6; ++top) {
        tracker.track(top);
        const TrackerStep s = tracker.measure(a, step, top == 6);
        products += s.products;
        CHECK(products <= budget);
        CHECK(s.top.size() >= found);
        found = s.top.size();
        if (s.products == 0) {
          CHECK(products == budget);
          CHECK(s.top[0].value > 0);
        }
      }
      if (found < 6) CHECK(products == budget);
      CHECK((found == 6) == (budget == 300));
    }
  }
}

TEST_CASE("restored from its memory, the tracker repeats the uninterrupted run bit for bit, with other threads") {
  const std::size_t n = 9000;
  const auto advance = [](KnownSpectrum& known, int step) { known.turn(0.02, static_cast<std::uint64_t>(step)); };
  const auto record = [](const TrackerStep& s, std::vector<double>& out) {
    for (const auto& end : {s.top, s.bottom})
      for (const RitzPair& p : end) {
        out.insert(out.end(), {p.value, p.residual, p.bound});
        for (float x : p.vector.span<float>()) out.push_back(x);
      }
    out.insert(out.end(), {s.asymmetry, s.orthogonality, double(s.products), double(s.sweeps), double(s.warm),
                           double(s.cold_checked)});
  };
  const TrackerOptions options{.top = 2, .bottom = 1, .cold_check = 4};
  std::vector<double> whole, resumed;
  std::vector<float> stored, older;
  EigenTracker::Memory memory;
  {
    Device d;
    KnownSpectrum known(network_like(n), 4);
    EigenTracker tracker(d, static_cast<std::int64_t>(n), Dtype::f32, options, rough_normals(5));
    for (int step = 0; step < 10; ++step) {
      advance(known, step);
      const TrackerStep s = tracker.measure(known.op(Dtype::f32), step);
      if (step == 5) {
        memory = tracker.memory();
        stored.assign(memory.vectors.span<float>().begin(), memory.vectors.span<float>().end());
        older.assign(memory.older.span<float>().begin(), memory.older.span<float>().end());
        CHECK(memory.step == 5);
        CHECK(memory.older_step == 4);
      }
      if (step > 5) record(s, whole);
    }
  }
  ThreadPool pool(3);
  Device d{.pool = &pool};
  KnownSpectrum known(network_like(n), 4);
  EigenTracker tracker(d, static_cast<std::int64_t>(n), Dtype::f32, options, rough_normals(5));
  memory.vectors = view_of(stored.data(), {3, static_cast<std::int64_t>(n)});
  memory.older = view_of(older.data(), {3, static_cast<std::int64_t>(n)});
  tracker.restore(memory);
  for (int step = 0; step < 10; ++step) {
    advance(known, step);
    if (step > 5) record(tracker.measure(known.op(Dtype::f32), step), resumed);
  }
  CHECK(support::same_bytes(whole, resumed));
  memory.older = view_of(older.data(), {1, static_cast<std::int64_t>(n)});
  CHECK_THROWS_AS(tracker.restore(memory), std::invalid_argument);
}

TEST_CASE("vectors are handed out with their largest entry positive") {
  KnownSpectrum known(network_like(700), 4);
  Device d;
  EigenTracker tracker(d, 700, Dtype::f64, {.top = 3, .bottom = 2}, rough_normals(6));
  for (int step = 0; step < 3; ++step) {
    const TrackerStep s = tracker.measure(known.op(Dtype::f64), step);
    for (const auto& end : {s.top, s.bottom})
      for (const RitzPair& p : end) {
        const auto v = p.vector.span<double>();
        CHECK(*std::max_element(v.begin(), v.end(), [](double a, double b) { return std::fabs(a) < std::fabs(b); }) >
              0);
      }
  }
}

TEST_CASE("spaces smaller than what is asked for, and options that cannot work") {
  Device d;
  for (std::int64_t n : {1, 2, 3}) {
    std::vector<double> lambda{5, -2, 1};
    lambda.resize(static_cast<std::size_t>(n));
    EigenTracker tracker(d, n, Dtype::f64, {.top = 2, .bottom = 2, .cold_check = 1}, rough_normals(7));
    for (int step = 0; step < 4; ++step) {
      const TrackerStep s = tracker.measure(diagonal(lambda), step);
      CHECK(s.converged);
      CHECK(s.top.size() == static_cast<std::size_t>(std::min<std::int64_t>(n, 2)));
      CHECK(std::fabs(s.top[0].value - 5) < 1e-12);
      CHECK(std::fabs(s.bottom[0].value - (n > 1 ? -2 : 5)) < 1e-12);
    }
  }
  CHECK_THROWS_AS(EigenTracker(d, 9, Dtype::f32, {.top = 0, .bottom = 0}, rough_normals(1)), std::invalid_argument);
  CHECK_THROWS_AS(EigenTracker(d, 9, Dtype::f32, {.tolerance = 0}, rough_normals(1)), std::invalid_argument);
  CHECK_THROWS_AS(EigenTracker(d, 9, Dtype::f32, {.budget = 0}, rough_normals(1)), std::invalid_argument);
}

TEST_CASE("a step starts from the vectors of two steps ago, which an operator of period 2 repeats") {
  const std::size_t n = 2000;
  std::vector<double> lambda = network_like(n);
  Device d;
  int products[2] = {0, 0};
  for (const int stride : {1, 3}) {  // of three steps apart there are none of two steps ago
    EigenTracker tracker(d, static_cast<std::int64_t>(n), Dtype::f64, {.top = 1, .bottom = 0, .cold_check = 0},
                         rough_normals(8));
    KnownSpectrum even(lambda, 4), odd(lambda, 6);
    for (int i = 0; i < 20; ++i) {
      const TrackerStep s = tracker.measure((i % 2 ? odd : even).op(Dtype::f64), i * stride);
      CHECK(s.converged);
      if (i > 2) products[stride / 2] += s.products;
    }
  }
  CHECK(products[0] < products[1]);
}

TEST_CASE("each step's bounds hold, those of a second measurement of the same step do not rest on its own noise") {
  std::vector<double> lambda = network_like(2000);
  const LinearOperator op = diagonal(lambda);
  Device d;
  EigenTracker tracker(d, 2000, Dtype::f64, {.top = 1, .bottom = 1, .tolerance = 1e-3, .cold_check = 4},
                       rough_normals(2));
  int cold_checks = 0;
  for (int step = 0; step < 9; ++step) {
    lambda[1] = step < 5 ? 14 : 21;
    const TrackerStep s = tracker.measure(op, step);
    CHECK(s.bounds.starts == 1 + s.cold_checked + s.redone);
    CHECK(s.bounds.upper >= lambda[0] * (1 - 1e-12));
    CHECK(s.bounds.upper >= lambda[1] * (1 - 1e-12));
    CHECK(s.bounds.lower <= -1.2);
    cold_checks += s.cold_checked;
    const SpectrumBounds first = s.bounds;
    if (step == 2) {
      const TrackerStep again = tracker.measure(op, step);
      CHECK(again.bounds.starts == first.starts);
      CHECK(again.bounds.upper == first.upper);
      const TrackerStep cold = tracker.measure(op, step, true);
      CHECK(cold.bounds.starts == first.starts + 1);
      CHECK(cold.bounds.upper <= first.upper);
    }
  }
  CHECK(cold_checks > 0);
  EigenTracker two_sided(d, 2000, Dtype::f64, {.top = 1, .bottom = 0, .two_sided = true, .cold_check = 0},
                         rough_normals(2));
  for (int step = 0; step < 4; ++step) {
    const TrackerStep s = two_sided.measure(op, step);
    CHECK(s.converged);
    CHECK(s.two_sided);
    CHECK(s.bounds.upper <= 21 * 1.001);
    CHECK(s.bounds.upper >= 21);
  }
  EigenTracker noiseless(d, 2000, Dtype::f64, {.top = 1, .bottom = 0, .cold_check = 0, .noise = 0}, rough_normals(2));
  (void)noiseless.measure(op, 0);
  CHECK(noiseless.measure(op, 1).bounds.starts == 0);
}

// SPDX-License-Identifier: MIT
// The effective sharpness of rules that precondition, and what [measure.effective] records, against plain loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "models/dln.h"
#include "tests/support/networks.h"
#include "training/loop.h"
#include "training/rules/kind.h"

using namespace brink;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Settings {
  const char* rule;
  double beta1, beta2 = 0.9, epsilon = 1e-3, clip = infinity;
  bool bias_correction = true;
};

TrainerOptions options_of(const Settings& s, double rate) {
  Chosen<RuleKind> rule = *find_kind(rule_kinds(), s.rule);
  rule.options.set("beta2", s.beta2);
  rule.options.set("epsilon", s.epsilon);
  rule.options.set("bias_correction", s.bias_correction);
  if (rule.options.has("beta1")) rule.options.set("beta1", s.beta1);
  if (rule.options.has("clip")) rule.options.set("clip", s.clip);
  TrainerOptions o;
  o.rule = factory(rule);
  o.schedule = std::make_shared<ConstantRate>(rate);
  o.tracker = TrackerOptions{.tolerance = 1e-10, .cold_check = 5, .budget = 60, .max_basis = 24};
  Chosen<MeasurementKind> effective = *find_kind(measurement_kinds(), "effective");
  effective.options.set("top", std::int64_t{2});
  o.measurements.push_back({factory(effective)});
  return o;
}

/// One of these rules on ½(θ₀θ₁ − y)², in plain loops.
struct Plain {
  static constexpr double y = 0.2;
  Settings s;
  std::array<double, 2> x, m{}, square{}, p{}, root{};
  double power1 = 1, power2 = 1;

  std::array<double, 2> gradient() const {
    const double r = x[0] * x[1] - y;
    return {r * x[1], r * x[0]};
  }
  /// m, ν and P of the coming step.
  void prepare() {
    power1 *= s.beta1;
    power2 *= s.beta2;
    for (std::size_t i = 0; i < 2; ++i) {
      const double g = gradient()[i];
      m[i] = s.beta1 * m[i] + (1 - s.beta1) * g;
      square[i] = s.beta2 * square[i] + (1 - s.beta2) * g * g;
      root[i] = std::sqrt(square[i] / (s.bias_correction ? 1 - power2 : 1));
      p[i] = (s.bias_correction ? 1 - power1 : 1) * (std::min(root[i], s.clip) + s.epsilon);
    }
  }
  /// The larger eigenvalue (sign 1) or the smaller one (sign −1).
  double effective_sharpness(double sign = 1) const {
    const double a = x[1] * x[1] / p[0], b = x[0] * x[0] / p[1], c = (2 * x[0] * x[1] - y) / std::sqrt(p[0] * p[1]);
    return (a + b) / 2 + sign * std::sqrt((a - b) * (a - b) / 4 + c * c);
  }
  void step(double rate) {
    for (std::size_t i = 0; i < 2; ++i) x[i] -= rate * m[i] / p[i];
  }
};

}  // namespace

TEST_CASE("the effective sharpness is that of the Hessian and of the preconditioner of the coming update") {
  const double rate = 0.02;
  for (const Settings& s : {Settings{"rmsprop", 0}, Settings{.rule = "rmsprop", .beta1 = 0, .bias_correction = false},
                            Settings{"adam", 0.8}, Settings{.rule = "adam", .beta1 = 0.8, .bias_correction = false},
                            Settings{.rule = "clipped_ada", .beta1 = 0.8, .clip = 0.9},
                            Settings{.rule = "clipped_ada", .beta1 = 0, .clip = 0.9}}) {
    CAPTURE(s.rule);
    CAPTURE(s.beta1);
    const Objective o = make_dln_objective({}, DlnLoss::half_square, Plain::y, Dtype::f64);
    std::int32_t label = 0;
    const View data[] = {view_of(&label, {1})};
    const Array theta0 = o.layout.make_vector(Dtype::f64);
    Plain plain{s, {1.7, 0.9}};
    for (int i = 0; i < 2; ++i) *o.layout.view(theta0.view(), i).as<double>() = plain.x[static_cast<std::size_t>(i)];
    Device device;
    TrainerOptions options = options_of(s, rate);
    options.classifies = false;
    Trainer trainer(device, o, data, {}, options, theta0.view());
    const double threshold = 2 / rate * (1 + s.beta1) / (1 - s.beta1);
    double seen_clipped = 0;
    for (int t = 0; t < 30; ++t) {
      CAPTURE(t);
      plain.prepare();
      const Row& row = trainer.step();
      const double expected = plain.effective_sharpness();
      CHECK(row.number("lambda_eff") == doctest::Approx(expected).epsilon(1e-9));
      CHECK(*row.number("residual_eff") <= 1e-9 * expected);
      CHECK(row.number("lambda_eff_2") == doctest::Approx(plain.effective_sharpness(-1)).epsilon(1e-8));
      CHECK(std::fabs(*row.number("lambda_eff_2")) < expected);  // control: not the largest one again
      CHECK(*row.number("residual_eff_2") <= 1e-9 * expected);
      CHECK(row.number("threshold_eff") == doctest::Approx(threshold).epsilon(1e-12));
      CHECK(row.number("two_over_eta") == 2 / rate);
      CHECK(*row.number("surplus") == 2 * (*row.number("lambda_eff") / *row.number("threshold_eff") - 1));
      const auto [low, high] = std::minmax(plain.root[0], plain.root[1]);
      CHECK(row.number("root_moment_0") == doctest::Approx(low).epsilon(1e-9));
      CHECK(row.number("root_moment_50") == doctest::Approx(low).epsilon(1e-9));
      CHECK(row.number("root_moment_75") == doctest::Approx(high).epsilon(1e-9));
      CHECK(row.number("root_moment_100") == doctest::Approx(high).epsilon(1e-9));
      CHECK(row.number("clipped_fraction") == (low >= s.clip ? 1 : high >= s.clip ? 0.5 : 0));
      seen_clipped += *row.number("clipped_fraction");
      plain.step(rate);
      for (int i = 0; i < 2; ++i)
        REQUIRE(*o.layout.view(trainer.theta(), i).as<double>() ==
                doctest::Approx(plain.x[static_cast<std::size_t>(i)]).epsilon(1e-9));
    }
    CHECK((seen_clipped > 0) == std::isfinite(s.clip));
  }
}

TEST_CASE("without a preconditioner the effective sharpness is λ₁ itself, at no further product") {
  const support::Network n({.samples = 60, .dtype = Dtype::f32});
  Device device;
  TrainerOptions options;
  options.tracker = TrackerOptions{.budget = 60, .max_basis = 24};
  Trainer without(device, n.objective, n.data(), {}, options, n.theta.view());
  options.measurements.push_back({factory(*find_kind(measurement_kinds(), "effective"))});
  Trainer with(device, n.objective, n.data(), {}, options, n.theta.view());
  for (int t = 0; t < 5; ++t) {
    const Row& row = with.step();
    CHECK(row.number("lambda_eff") == row.number("lambda_1"));
    CHECK(row.number("residual_eff") == row.number("residual_1"));
    CHECK(row.number("scale_eff") == row.number("scale"));
    CHECK(row.number("products") == without.step().number("products"));
  }
}

TEST_CASE("events, their cold checks and the count of certified steps are those of the effective sharpness") {
  const support::Network n({.samples = 60, .dtype = Dtype::f32});
  Device device;
  TrainerOptions options = options_of({.rule = "rmsprop", .beta1 = 0}, 0.05);
  options.tracker = TrackerOptions{.budget = 200, .max_basis = 48};
  Trainer trainer(device, n.objective, n.data(), {}, options, n.theta.view());
  int above = 0, raw_above = 0;
  for (int t = 0; t < 60; ++t) {
    const Row& row = trainer.step();
    above += *row.number("surplus") > 0;
    raw_above += *row.number("lambda_1") > 2 / 0.05;
  }
  (void)trainer.finish_events();
  CHECK(above > 0);
  CHECK(raw_above == 0);  // control: λ₁ itself never says so
  CHECK(trainer.tally().instabilities > 0);
  CHECK(trainer.tally().lambda_1_steps == 60);
  CHECK(trainer.tally().lambda_1_certified_steps == 60);
}

TEST_CASE("quantiles of √ν̂ are order statistics of all coordinates, gaps left out") {
  const support::Network n({.samples = 60, .dtype = Dtype::f32});
  Device device;
  Trainer trainer(device, n.objective, n.data(), {}, options_of({.rule = "adam", .beta1 = 0.9}, 0.01), n.theta.view());
  for (int t = 0; t < 4; ++t) {
    trainer.measure(false);
    const Array roots = n.vector();
    trainer.rule().preconditioner()->root_moment(device, trainer.gradient(), roots.view());
    std::vector<float> sorted;
    for (int i = 0; i < n.objective.layout.size(); ++i)
      std::ranges::copy(n.objective.layout.view(roots.view(), i).span<float>(), std::back_inserter(sorted));
    std::ranges::sort(sorted);
    const Row& row = trainer.complete();
    for (const int p : {0, 10, 25, 50, 75, 90, 100}) {
      CAPTURE(p);
      const double x = row.number("root_moment_" + std::to_string(p)).value();
      const auto not_above = std::ranges::count_if(sorted, [=](float v) { return v <= static_cast<float>(x); }),
                 below = std::ranges::count_if(sorted, [=](float v) { return v < static_cast<float>(x); });
      CHECK(not_above * 100 >= std::ssize(sorted) * p);
      CHECK(below * 100 <= std::ssize(sorted) * p);
      CHECK(std::ranges::count(sorted, static_cast<float>(x)) > 0);
    }
    trainer.update();
  }
}

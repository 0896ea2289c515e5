// SPDX-License-Identifier: MIT
// The training loop and its measurements, against plain loops on the diagonal linear network and on an MLP.
#include "training/loop.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "models/dln.h"
#include "tests/support/networks.h"
#include "training/rules/kind.h"

using namespace brink;

namespace {

using Point = std::array<double, 2>;
Point mean(const Point& a, const Point& b) { return {(a[0] + b[0]) / 2, (a[1] + b[1]) / 2}; }
double distance(const Point& a, const Point& b) {
  return std::sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]));
}

std::shared_ptr<Schedule> rate(double x) { return std::make_shared<ConstantRate>(x); }

/// Every cell of a row as text, for comparing rows byte by byte.
std::string text_of(const Row& row) {
  std::string out = std::to_string(row.step);
  for (const Cell& c : row.cells()) {
    out += ',';
    std::visit(
        [&]<class T>(const T& x) {
          if constexpr (std::is_same_v<T, double>) {
            char bytes[8];
            std::memcpy(bytes, &x, 8);
            out.append(bytes, 8);
          } else if constexpr (std::is_same_v<T, std::string>) {
            out += x;
          } else if constexpr (!std::is_same_v<T, std::monostate>) {
            out += std::to_string(x);
          }
        },
        c);
  }
  return out;
}

}  // namespace

TEST_CASE("dln: trajectory, loss, eigenvalues, jump and period-2 distance equal plain loops") {
  const double y = 0.2, eta = 0.55;  // beyond 2/λ at the start, so it bounces
  const Objective o = make_dln_objective({}, DlnLoss::half_square, y, Dtype::f64);
  std::int32_t label = 0;
  const View data[] = {view_of(&label, {1})};
  Array theta0 = o.layout.make_vector(Dtype::f64);
  std::vector<Point> path{{1.7, 0.9}};
  for (int i = 0; i < 2; ++i) *o.layout.view(theta0.view(), i).as<double>() = path[0][static_cast<std::size_t>(i)];
  Device device;
  TrainerOptions options;
  options.schedule = rate(eta);
  options.classifies = false;
  options.tracker =
      TrackerOptions{.top = 1, .bottom = 1, .tolerance = 1e-10, .cold_check = 5, .budget = 60, .max_basis = 24};
  Trainer trainer(device, o, data, {}, options, theta0.view());
  bool bounced = false;
  for (std::size_t t = 0; t < 40; ++t) {
    CAPTURE(t);
    const Point x = path[t];
    REQUIRE(std::abs(*o.layout.view(trainer.theta(), 0).as<double>() - x[0]) <= 1e-12);
    REQUIRE(std::abs(*o.layout.view(trainer.theta(), 1).as<double>() - x[1]) <= 1e-12);
    const Row& row = trainer.step();
    const Observed& seen = trainer.seen();
    const double r = x[0] * x[1] - y, a = x[1] * x[1], b = x[0] * x[0], c = 2 * x[0] * x[1] - y;
    REQUIRE(row.step == static_cast<std::int64_t>(t));
    CHECK(row.number("loss") == doctest::Approx(0.5 * r * r).epsilon(1e-10));
    CHECK_FALSE(row.number("train_accuracy"));
    CHECK(seen.gradient_norm == doctest::Approx(std::abs(r) * std::sqrt(a + b)).epsilon(1e-10));
    const double middle = (a + b) / 2, half = std::sqrt((a - b) * (a - b) / 4 + c * c);
    REQUIRE(seen.measured);
    CHECK(seen.spectrum.converged);
    CHECK(row.number("lambda_1") == doctest::Approx(middle + half).epsilon(1e-10));
    CHECK(*row.number("surplus") == eta * *row.number("lambda_1") - 2);
    CHECK(std::abs(*row.number("lambda_min") - (middle - half)) <= 1e-10 * (middle + half));
    REQUIRE(row.number("jump").has_value() == (t >= 1));
    REQUIRE(row.number("period2_distance").has_value() == (t >= 3));
    if (t >= 1) CHECK(*row.number("jump") == doctest::Approx(distance(x, mean(x, path[t - 1]))).epsilon(1e-9));
    if (t >= 3)
      CHECK(std::abs(*row.number("period2_distance") -
                     distance(mean(x, path[t - 1]), mean(path[t - 2], path[t - 3]))) <= 1e-12);
    bounced = bounced || (t >= 2 && (x[0] - path[t - 1][0]) * (path[t - 1][0] - path[t - 2][0]) < 0);
    path.push_back({x[0] - eta * (r * x[1]), x[1] - eta * (r * x[0])});
  }
  CHECK(bounced);
}

TEST_CASE(
    "mlp: loss and gradient of a step are Gradient's, its update is θ − ηg in two roundings, its test pass the same "
    "graph") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const support::Network train({.samples = 300, .dtype = dtype}), test({.samples = 90, .dtype = dtype});
    Device device;
    TrainerOptions options;
    options.schedule = rate(0.3);
    options.measure_every = 2;
    options.tracker = TrackerOptions{.top = 1, .bottom = 0, .cold_check = 0, .budget = 60, .max_basis = 24};
    Trainer trainer(device, train.objective, train.data(), test.data(), options, train.theta.view());
    const Array g = train.vector(), expected = train.vector();
    std::memcpy(expected.view().data, train.theta.view().data, static_cast<std::size_t>(expected.view().bytes()));
    Gradient on_train(device, train.objective, train.data()), on_test(device, test.objective, test.data());
    const Array unused = test.vector();
    for (int t = 0; t < 6; ++t) {
      const Row& row = trainer.step();
      const LossAndCorrect pass = on_train.evaluate(expected.view(), g.view());
      CHECK(trainer.seen().measured == (t % 2 == 0));
      CHECK(row.number("lambda_1").has_value() == (t % 2 == 0));
      CHECK(row.number("loss") == pass.loss);
      CHECK(row.number("train_accuracy") == pass.correct / 300);
      CHECK(row.number("test_accuracy") == on_test.evaluate(expected.view(), unused.view()).correct / 90);
      CHECK(support::same_bytes(trainer.gradient(), g.view()));
      with_real(dtype, [&]<class T>(T) {
        for (std::size_t i = 0; i < g.span<T>().size(); ++i) {
          const T step = static_cast<T>(0.3) * g.span<T>()[i];
          expected.span<T>()[i] = expected.span<T>()[i] - step;
        }
      });
      REQUIRE(support::same_bytes(trainer.theta(), expected.view()));
    }
  }
}

TEST_CASE("measuring changes no step; a loss that is not finite has no spectrum") {
  const support::Network n({.samples = 200, .dtype = Dtype::f32});
  Device device;
  TrainerOptions with, without;
  with.schedule = without.schedule = rate(0.5);
  with.tracker = TrackerOptions{.top = 1, .bottom = 1, .budget = 40, .max_basis = 24};
  Trainer measured(device, n.objective, n.data(), {}, with, n.theta.view()),
      plain(device, n.objective, n.data(), {}, without, n.theta.view());
  for (int t = 0; t < 5; ++t) {
    measured.step();
    plain.step();
    CHECK(measured.seen().measured);
    CHECK_FALSE(plain.seen().measured);
    CHECK(support::same_bytes(measured.theta(), plain.theta()));
    CHECK_FALSE(measured.diverged());
  }
  TrainerOptions far = with;
  far.schedule = rate(std::numeric_limits<double>::infinity());
  Trainer away(device, n.objective, n.data(), {}, far, n.theta.view());
  away.step();
  const Row& row = away.observe();
  CHECK(away.diverged());
  CHECK_FALSE((std::isfinite(away.seen().loss) && std::isfinite(away.seen().gradient_norm)));
  CHECK_FALSE(away.seen().measured);
  CHECK_FALSE(row.number("lambda_1"));
}

TEST_CASE("numbers in flight are NaN until complete, which may follow the update") {
  const support::Network n({.samples = 200, .dtype = Dtype::f32});
  Device device;
  TrainerOptions options;
  options.schedule = rate(0.3);
  options.tracker = TrackerOptions{.top = 1, .bottom = 0, .budget = 40, .max_basis = 24};
  Trainer together(device, n.objective, n.data(), n.data(), options, n.theta.view()),
      apart(device, n.objective, n.data(), n.data(), options, n.theta.view());
  for (int t = 0; t < 5; ++t) {
    CAPTURE(t);
    const bool spectrum = t != 2;
    together.measure(spectrum);
    const std::string a = text_of(together.complete());
    const Observed& b = apart.measure(spectrum);
    CHECK(b.measured == spectrum);
    CHECK(std::isnan(b.loss) == !spectrum);  // a spectrum is measured where the loss is finite
    together.update();
    apart.update();
    apart.start(true);
    CHECK(text_of(apart.complete()) == a);
    CHECK(support::same_bytes(apart.theta(), together.theta()));
  }
}

TEST_CASE("momentum equals plain loops, and its threshold is 2(1 + β)/η") {
  const RuleKind* kind = find_kind(rule_kinds(), "momentum");
  REQUIRE(kind);
  Chosen<RuleKind> momentum(*kind);
  momentum.options.set("momentum", 0.7);
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const support::Network n({.samples = 100, .dtype = dtype});
    Device device;
    TrainerOptions options;
    options.rule = factory(momentum);
    options.schedule = rate(0.2);
    Trainer trainer(device, n.objective, n.data(), {}, options, n.theta.view());
    CHECK(trainer.rule().threshold(0.2) == 2 * (1 + 0.7) / 0.2);
    const Array theta = n.vector(), v = n.vector();
    std::memcpy(theta.view().data, n.theta.view().data, static_cast<std::size_t>(theta.view().bytes()));
    for (int t = 0; t < 8; ++t) {
      trainer.step();
      with_real(dtype, [&]<class T>(T) {
        const std::span<const T> g{static_cast<const T*>(trainer.gradient().data), theta.span<T>().size()};
        for (std::size_t i = 0; i < theta.span<T>().size(); ++i) {
          const T kept = static_cast<T>(0.7) * v.span<T>()[i];
          v.span<T>()[i] = kept + g[i];
          const T step = static_cast<T>(0.2) * v.span<T>()[i];
          theta.span<T>()[i] = theta.span<T>()[i] - step;
        }
      });
      REQUIRE(support::same_bytes(trainer.theta(), theta.view()));
    }
  }
}

TEST_CASE(
    "every state of a run at step 17, restored into a fresh trainer, goes on to the same bytes, whatever the rule") {
  const support::Network n({.samples = 200, .dtype = Dtype::f32});
  Device device;
  for (const RuleKind& kind : rule_kinds()) {
    CAPTURE(kind.name);
    TrainerOptions options;
    options.rule = factory(kind);
    options.schedule = rate(kind.name == "gd" ? 1.5 : 0.3);
    options.tracker = TrackerOptions{.top = 2, .bottom = 1, .cold_check = 5, .budget = 60, .max_basis = 24};
    for (const MeasurementKind& m : measurement_kinds())
      if (!m.always) options.measurements.push_back({factory(m)});
    const auto fresh = [&] {
      return std::make_unique<Trainer>(device, n.objective, n.data(), n.data(), options, n.theta.view());
    };
    const auto through = fresh();
    for (int t = 0; t < 17; ++t) through->step();
    const SavedState state = save_state(device, *through);
    const auto resumed = fresh();
    restore_state(device, *resumed, state);
    const auto control = fresh();
    SavedState lost = save_state(device, *through);
    for (auto& [name, value] : lost.parts)
      if (name == "tracker/vectors") value = zeros(std::get<Array>(value).view().shape, Dtype::f32);
    restore_state(device, *control, lost);
    bool differs = false;
    for (int t = 17; t < 40; ++t) {
      CAPTURE(t);
      const std::string row = text_of(through->step());
      REQUIRE(text_of(resumed->step()) == row);
      differs = differs || text_of(control->step()) != row;
      CHECK(resumed->ended() == through->ended());
    }
    CHECK(differs);  // control: a state without the tracker's vectors does not repeat the run
    CHECK(resumed->tally().products == through->tally().products);
    CHECK(resumed->tally().instabilities == through->tally().instabilities);

    SavedState less = save_state(device, *through), more = save_state(device, *through);
    less.parts.erase("events/crossings");
    CHECK_THROWS_WITH_AS(restore_state(device, *fresh(), less), "state: the part 'events/crossings' is missing",
                         std::invalid_argument);
    more.parts.emplace("rule/unknown", 1.0);
    CHECK_THROWS_WITH_AS(restore_state(device, *fresh(), more),
                         "state: the part 'rule/unknown' does not belong to this run", std::invalid_argument);
  }
}

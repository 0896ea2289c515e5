// SPDX-License-Identifier: MIT
// The training loop and its measurements, against plain loops on the diagonal linear network and on an MLP.
#include "training/loop.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "kernels/reduce/reduce.h"
#include "kernels/tracer.h"
#include "models/dln.h"
#include "tests/support/networks.h"
#include "tests/support/row_text.h"

using namespace brink;
using support::text_of;

namespace {

using Point = std::array<double, 2>;
Point mean(const Point& a, const Point& b) { return {(a[0] + b[0]) / 2, (a[1] + b[1]) / 2}; }
double distance(const Point& a, const Point& b) {
  return std::sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]));
}

/// How many passes over test samples began.
class TestPasses final : public Tracer {
 public:
  TestPasses() : Tracer(false) {}
  void begin(const TraceName& name, std::int64_t) noexcept override { count += name.name == "evaluation"; }
  void end() noexcept override {}
  std::atomic<int> count = 0;
};

std::shared_ptr<Schedule> rate(double x) { return std::make_shared<ConstantRate>(x); }

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
    "dln at margins where squares of its derivatives underflow: gradient norm and certified eigenvalues are those of "
    "mpmath") {
  struct Truth {
    double second, gradient_norm, low, high;
  };
  for (const Truth& truth :
       {Truth{200, 3.8305307055999981801e-172, 3.8251706623745417033e-176, 7.6614406295240460078e-170},
        {350, 3.4509431308648221905e-302, 1.1259786431946402155e-306, 1.2078497027188826496e-299}}) {
    CAPTURE(truth.second);
    const Objective o = make_dln_objective({}, DlnLoss::binary_cross_entropy, 1, Dtype::f64);
    std::int32_t label = 1;
    const View data[] = {view_of(&label, {1})};
    const Array theta0 = o.layout.make_vector(Dtype::f64);
    *o.layout.view(theta0.view(), 0).as<double>() = 2;
    *o.layout.view(theta0.view(), 1).as<double>() = truth.second;
    Device device;
    TrainerOptions options;
    options.schedule = rate(0.1);
    options.classifies = false;
    options.tracker =
        TrackerOptions{.top = 1, .bottom = 1, .tolerance = 1e-10, .cold_check = 1, .budget = 60, .max_basis = 24};
    Trainer trainer(device, o, data, {}, options, theta0.view());
    for (int t = 0; t < 2;
         ++t) {  // a cold run, and a warm one; the parameters do not move by so much as their last bit
      const Row& row = trainer.step();
      const Observed& seen = trainer.seen();
      CHECK(seen.gradient_norm == doctest::Approx(truth.gradient_norm).epsilon(1e-12).scale(0));
      CHECK(seen.spectrum.converged);
      CHECK_FALSE(seen.spectrum.redone);
      CHECK(seen.spectrum.scale == seen.spectrum.top[0].value);
      CHECK(row.number("lambda_1") == doctest::Approx(truth.high).epsilon(1e-12).scale(0));
      CHECK(std::abs(*row.number("lambda_min") - truth.low) <= seen.spectrum.bottom[0].residual + 1e-15 * truth.high);
    }
  }
}

TEST_CASE(
    "mlp: loss and gradient of a step are Gradient's, its update is θ − ηg in two roundings, its test pass the same "
    "graph") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const support::Network train({.samples = 300, .dtype = dtype}), test({.samples = 90, .dtype = dtype});
    TestPasses passes;
    Device device{.tracer = &passes};
    TrainerOptions options;
    options.schedule = rate(0.3);
    options.measure_every = 2;
    options.tracker = TrackerOptions{.top = 1, .bottom = 0, .cold_check = 0, .budget = 60, .max_basis = 24};
    options.measurements.push_back({factory(*find_kind(measurement_kinds(), "test_loss")), 3});
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
      const LossAndCorrect test_pass = on_test.evaluate(expected.view(), unused.view());
      CHECK(row.number("test_accuracy") == test_pass.correct / 90);
      CHECK(passes.count == t + 1);  // one serves the accuracy and, at every third step, the loss
      CHECK(row.number("test_loss") == (t % 3 == 0 ? std::optional(test_pass.loss) : std::nullopt));
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

TEST_CASE(
    "the jump along u₁ is that along the eigenvector of the row, also where the cold run of an event has replaced it") {
  const support::Network n({.samples = 200});
  Device device;
  TrainerOptions options;
  options.schedule = rate(1.0);
  options.tracker = TrackerOptions{.top = 1, .bottom = 0, .tolerance = 1e-2, .cold_check = 0, .budget = 100};
  Trainer trainer(device, n.objective, n.data(), {}, options, n.theta.view());
  const std::int64_t extent = n.objective.layout.extent();
  const Array difference = n.vector();
  int replaced = 0;  // rows whose residual is that of a cold run, far below the tolerance
  for (std::int64_t t = 0; t < 40; ++t) {
    CAPTURE(t);
    const Row& row = trainer.step();
    const View u1{trainer.eigenvectors().data, Shape{extent}, Dtype::f64};
    if (t == 0) continue;
    replaced += trainer.seen().spectrum.top[0].residual < 1e-4;
    for (std::size_t i = 0; i < static_cast<std::size_t>(extent); ++i)
      difference.span<double>()[i] = trainer.theta_at(t).span<double>()[i] - trainer.theta_at(t - 1).span<double>()[i];
    CHECK(row.number("jump_u1") == 0.5 * std::abs(brink::dot(device, u1, difference.view())));
  }
  CHECK(trainer.crossings() == 1);
  CHECK(replaced == 1);
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

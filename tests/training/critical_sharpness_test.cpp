// SPDX-License-Identifier: MIT
// [measure.critical_sharpness] against the curvature of quadratic losses, the losses of the run itself, and plain evaluations.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "tests/support/networks.h"
#include "training/loop.h"
#include "training/rules/kind.h"

using namespace brink;
using support::Network;

namespace {

struct Step {
  std::map<std::string, double> cells;
  double loss = 0;
  Array before, after, gradient;
};

std::vector<Step> run(const Network& n, const std::string& rule, double rate, double tolerance, int steps,
                      const Batch& test = {}) {
  Chosen<MeasurementKind> kind(*find_kind(measurement_kinds(), "critical_sharpness"));
  kind.options.set("tolerance", tolerance);
  TrainerOptions o;
  o.rule = factory(*find_kind(rule_kinds(), rule));
  o.schedule = std::make_shared<ConstantRate>(rate);
  o.measurements.push_back({factory(kind)});
  Device device;
  Trainer trainer(device, n.objective, n.data(), test, o, n.theta.view());
  std::vector<Step> out;
  for (int t = 0; t < steps; ++t) {
    Step s;
    s.before = trainer.theta_on_host();
    trainer.measure(false);
    s.gradient = to_host(device, trainer.gradient());
    trainer.update();
    const Row& row = trainer.complete();
    s.loss = trainer.seen().loss;
    s.after = trainer.theta_on_host();
    for (const Column& c : row.columns())
      if (const auto x = row.number(c.name)) s.cells[c.name] = *x;
    out.push_back(std::move(s));
  }
  const Row& last = trainer.observe();
  CHECK_FALSE(last.number("critical_sharpness"));  // no update follows
  CHECK(last.number("critical_threshold"));
  return out;
}

double dot(View a, View b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.shape.elements(); ++i) sum += a.as<double>()[i] * b.as<double>()[i];
  return sum;
}

/// The loss at θ plus a multiple of the update.
double loss_at(const Network& n, const Step& s, double multiple) {
  Device device;
  const Array theta = n.vector(), gradient = n.vector();
  for (std::size_t i = 0; i < theta.span<double>().size(); ++i)
    theta.span<double>()[i] =
        s.before.span<double>()[i] + multiple * (s.after.span<double>()[i] - s.before.span<double>()[i]);
  return Gradient(device, n.objective, n.data()).evaluate(theta.view(), gradient.view()).loss;
}

}  // namespace

TEST_CASE("critical sharpness: on a quadratic loss the curvature along the update, under every kind of step") {
  const Network n({.samples = 80, .hidden = {}, .loss = Loss::mse});  // linear, so the loss is quadratic
  Device device;
  Hvp hvp(device, n.objective, n.data());
  for (const char* rule : {"gd", "momentum", "adam"})
    for (const double tolerance : {1e-2, 1e-6}) {
      CAPTURE(rule);
      CAPTURE(tolerance);
      for (const Step& s : run(n, rule, 0.05, tolerance, 5)) {
        const Array direction = n.vector(), product = n.vector(), gradient = n.vector();
        for (std::size_t i = 0; i < direction.span<double>().size(); ++i)
          direction.span<double>()[i] = (s.before.span<double>()[i] - s.after.span<double>()[i]) / 0.05;
        hvp.linearize_at(s.before.view(), gradient.view());
        hvp.apply(direction.view(), product.view());
        // L(θ − ηd) − L(θ) = −ηg·d + ½η²dᵀHd = 0 at η_c.
        const double down = dot(gradient.view(), direction.view()), curvature = dot(direction.view(), product.view());
        REQUIRE(down > 0);
        const double found = s.cells.at("critical_sharpness"), error = s.cells.at("critical_sharpness_error");
        CHECK(std::fabs(found - curvature / down) <= error * (1 + 1e-9));
        CHECK(error <= tolerance * found);
        CHECK(error >= 0.1 * tolerance * found);
        CHECK(s.cells.at("critical_threshold") == 2 / 0.05);
        // Bracket, bisection and the loss at θ itself.
        CHECK(s.cells.at("critical_sharpness_passes") <= 12 + std::log2(1 / tolerance));
        // Control: the curvature along the gradient is another number where the step is not along it.
        const double size = dot(gradient.view(), gradient.view());
        hvp.apply(gradient.view(), product.view());
        const double along_gradient = dot(gradient.view(), product.view()) / size;
        if (rule == std::string("adam")) CHECK(std::fabs(found - along_gradient) > 10 * error);
      }
    }
}

TEST_CASE(
    "critical sharpness: it is above 2/η exactly where the update raises the loss, and its bracket holds the rise") {
  const Network n({.samples = 120});
  const std::vector<Step> steps = run(n, "gd", 3.0, 1e-3, 30);
  int raised = 0, lowered = 0;
  for (std::size_t t = 0; t < steps.size(); ++t) {
    CAPTURE(t);
    const Step& s = steps[t];
    if (!s.cells.contains("critical_sharpness")) continue;
    const double found = s.cells.at("critical_sharpness"), error = s.cells.at("critical_sharpness_error");
    const double next = loss_at(n, s, 1);
    if (t + 1 < steps.size()) CHECK(next == doctest::Approx(steps[t + 1].loss).epsilon(1e-12));
    const bool raises = next > s.loss;
    if (std::fabs(found - 2 / 3.0) > error) CHECK((found > 2 / 3.0) == raises);
    (raises ? raised : lowered) += 1;
    CHECK(loss_at(n, s, 2 / 3.0 / (found + error)) <= s.loss + 1e-14);
    CHECK(loss_at(n, s, 2 / 3.0 / (found - error)) > s.loss - 1e-14);
  }
  CHECK(raised > 2);
  CHECK(lowered > 2);
}

TEST_CASE("relative critical sharpness: the same search on the loss of the test samples") {
  const Network n({.samples = 120});
  const Network shifted({.samples = 80});
  for (double& x : shifted.x.span<double>()) x = 0.7 * x + 0.2;
  const std::vector<Step> steps = run(n, "gd", 0.8, 1e-3, 6, Batch(shifted.data()));
  Device device;
  for (const Step& s : steps) {
    const double found = s.cells.at("relative_critical_sharpness"),
                 error = s.cells.at("relative_critical_sharpness_error");
    const auto test_loss = [&](double rate) {
      const Array theta = n.vector(), gradient = n.vector();
      for (std::size_t i = 0; i < theta.span<double>().size(); ++i)
        theta.span<double>()[i] =
            s.before.span<double>()[i] + rate / 0.8 * (s.after.span<double>()[i] - s.before.span<double>()[i]);
      return Gradient(device, n.objective, shifted.data()).evaluate(theta.view(), gradient.view()).loss;
    };
    const double at_start = test_loss(0);
    CHECK(test_loss(2 / (found + error)) <= at_start + 1e-14);
    CHECK(test_loss(2 / (found - error)) > at_start - 1e-14);
    CHECK(std::fabs(found - s.cells.at("critical_sharpness")) > error);  // control: another loss
  }
  CHECK_FALSE(run(n, "gd", 0.8, 1e-3, 1)[0].cells.contains("relative_critical_sharpness"));
}

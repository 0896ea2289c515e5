// SPDX-License-Identifier: MIT
// Δ, κ and slices of a product of two parameters, whose derivatives of every order are known, in both precisions; and the rows that `when`
// chooses.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <map>

#include "models/dln.h"
#include "tests/support/networks.h"
#include "training/loop.h"

using namespace brink;

namespace {

using Point = std::array<double, 2>;

TrainerOptions::More more(const char* name, const std::vector<std::pair<const char*, OptionValue>>& settings = {},
                          When when = When::always) {
  Chosen<MeasurementKind> chosen(*find_kind(measurement_kinds(), name));
  for (const auto& [key, value] : settings) chosen.options.set(key, value);
  return {factory(chosen), 1, {}, when};
}

/// ½(θ₀θ₁ − y)² at a point: L(θ + su + tw) = ½(r + s·a + s²·b + t·c + s·t·d + …)².
struct Product {
  double y;
  double rest(const Point& x) const { return x[0] * x[1] - y; }
  Point gradient(const Point& x) const { return {rest(x) * x[1], rest(x) * x[0]}; }
  /// λ₁ and u₁
  std::pair<double, Point> leading(const Point& x) const {
    const double a = x[1] * x[1], b = x[0] * x[0], c = 2 * x[0] * x[1] - y;
    const double value = (a + b) / 2 + std::sqrt((a - b) * (a - b) / 4 + c * c), length = std::hypot(c, value - a);
    return {value, {c / length, (value - a) / length}};
  }
  double smallest(const Point& x) const { return x[0] * x[0] + x[1] * x[1] - leading(x).first; }
  static double slope(const Point& x, const Point& u) { return x[0] * u[1] + x[1] * u[0]; }
  double loss(const Point& x) const { return 0.5 * rest(x) * rest(x); }
  double fourth(const Point& u) const { return 12 * u[0] * u[1] * u[0] * u[1]; }
  double third(const Point& x, const Point& u, const Point& w) const {
    return 2 * (slope(x, u) * (u[0] * w[1] + u[1] * w[0]) + slope(x, w) * u[0] * u[1]);
  }
};

struct Found {
  std::map<std::string, double> cells;
  std::map<std::string, std::vector<double>> tensors;
};

/// One step at x.
Found measured(const Product& product, const Point& x, Dtype dtype, std::vector<TrainerOptions::More> measurements) {
  const Objective o = make_dln_objective({}, DlnLoss::half_square, product.y, dtype);
  std::int32_t label = 0;
  const View data[] = {view_of(&label, {1})};
  Array theta0 = o.layout.make_vector(dtype);
  with_real(dtype, [&]<class T>(T) {
    for (int i = 0; i < 2; ++i)
      *o.layout.view(theta0.view(), i).as<T>() = static_cast<T>(x[static_cast<std::size_t>(i)]);
  });
  Device device;
  TrainerOptions options;
  options.schedule = std::make_shared<ConstantRate>(0.1);
  options.classifies = false;
  options.tracker = TrackerOptions{
      .top = 2, .bottom = 0, .tolerance = dtype == Dtype::f64 ? 1e-12 : 1e-6, .budget = 60, .max_basis = 24};
  options.measurements = std::move(measurements);
  Trainer trainer(device, o, data, {}, options, theta0.view());
  const Row& row = trainer.step();
  Found out;
  for (const Column& c : row.columns())
    if (const auto number = row.number(c.name)) out.cells[c.name] = *number;
  for (const TensorSet& set : trainer.tensors())
    for (const NamedView& t : set.tensors) {
      const std::span<const double> all = t.view.span<double>();
      out.tensors[t.name].assign(all.begin(), all.end());
    }
  return out;
}

}  // namespace

TEST_CASE("dln: Δ, its gap, and every κ are those of the product, in float64 also where the run is in float32") {
  const Product product{0.25};
  const Point x{1.75, 0.875};  // exact in float32
  const auto [lambda, u] = product.leading(x);
  const Point g = product.gradient(x);
  const double length = std::hypot(g[0], g[1]);
  for (const Dtype dtype : {Dtype::f64, Dtype::f32}) {
    CAPTURE(name_of(dtype));
    const Found found = measured(
        product, x, dtype, {more("delta"), more("kappa", {{"directions", std::int64_t{8}}, {"cone_angle", 0.0}})});
    const double tolerance = dtype == Dtype::f64 ? 1e-10 : 1e-5;
    const auto near = [&](const char* column, double expected) {
      CAPTURE(column);
      REQUIRE(found.cells.contains(column));
      CHECK(found.cells.at(column) == doctest::Approx(expected).epsilon(tolerance));
    };
    near("delta", -product.third(x, u, g));
    near("delta_gap", lambda - product.smallest(x));
    near("kappa_u1", product.fourth(u));
    near("kappa_gradient", product.fourth({g[0] / length, g[1] / length}));
    // A polynomial of degree 4: the quotient is the fourth coefficient twice, up to the rounding that its error states.
    for (const char* column : {"kappa_difference", "kappa_envelope"}) {
      const double error = found.cells.at(std::string(column) + "_error");
      CHECK(error > 0);
      CHECK(error < 1e-6);
      CHECK(std::abs(found.cells.at(column) - product.fourth(u) / 12) <= tolerance * product.fourth(u) + 10 * error);
    }
  }
  // In a wider cone the envelope has other directions.
  const Found wide =
      measured(product, x, Dtype::f64, {more("kappa", {{"directions", std::int64_t{8}}, {"cone_angle", 1.0}})});
  CHECK(std::abs(wide.cells.at("kappa_envelope") - product.fourth(u) / 12) > 1e-3 * product.fourth(u));
  const Found none = measured(product, x, Dtype::f64, {more("kappa", {{"directions", std::int64_t{0}}})});
  CHECK_FALSE(none.cells.contains("kappa_envelope"));
}

TEST_CASE("dln: slices have the loss, slope and curvature along u₁, the loss in the plane, and λ₁ on the line") {
  const Product product{0.25};
  const Point x{1.75, 0.875};
  const auto [lambda, u] = product.leading(x);
  const Found found = measured(
      product, x, Dtype::f64,
      {more(
          "slices",
          {{"points", std::int64_t{5}}, {"plane", std::int64_t{3}}, {"sharpness", std::int64_t{3}}, {"reach", 0.5}})});
  const double sign =
      u[std::abs(u[1]) > std::abs(u[0]) ? 1 : 0] < 0 ? -1 : 1;  // the tracker's: the largest entry is positive
  const Point u1{sign * u[0], sign * u[1]};
  const auto at = [&](double a, double b, const Point& w) {
    return Point{x[0] + a * u1[0] + b * w[0], x[1] + a * u1[1] + b * w[1]};
  };
  const auto tensor = [&](const char* name) {
    CAPTURE(name);
    REQUIRE(found.tensors.contains(name));
    return found.tensors.at(name);
  };
  CHECK(tensor("offset") == std::vector<double>{-0.5, -0.25, 0, 0.25, 0.5});
  for (std::size_t i = 0; i < 5; ++i) {
    const Point p = at(tensor("offset")[i], 0, {});
    const double s = Product::slope(p, u1), r = product.rest(p);
    CHECK(tensor("loss")[i] == doctest::Approx(product.loss(p)).epsilon(1e-12));
    CHECK(tensor("slope")[i] == doctest::Approx(r * s).epsilon(1e-10));
    CHECK(tensor("curvature")[i] == doctest::Approx(s * s + 2 * r * u1[0] * u1[1]).epsilon(1e-10));
  }
  const Point u2{-u1[1], u1[0]};
  const double flip = u2[std::abs(u2[1]) > std::abs(u2[0]) ? 1 : 0] < 0 ? -1 : 1;
  for (std::size_t i = 0; i < 3; ++i) {
    const Point p = at(tensor("sharpness/offset")[i], 0, {});
    CHECK(tensor("sharpness/lambda_1")[i] == doctest::Approx(product.leading(p).first).epsilon(1e-5));
    CHECK(tensor("sharpness/residual_1")[i] <= 1e-3 * product.leading(p).first);
    for (std::size_t j = 0; j < 3; ++j)
      CHECK(tensor("plane/loss")[3 * i + j] ==
            doctest::Approx(
                product.loss(at(tensor("plane/offset")[i], tensor("plane/offset")[j], {flip * u2[0], flip * u2[1]})))
                .epsilon(1e-10));
  }
  CHECK(found.cells.at("lambda_1") == doctest::Approx(lambda));
}

TEST_CASE("`when` chooses the rows within an instability, or those at which one begins or is over") {
  const support::Network n({.samples = 150, .dtype = Dtype::f64});
  Device device;
  TrainerOptions options;
  options.schedule = std::make_shared<ConstantRate>(1.0);
  options.tracker = TrackerOptions{.top = 1, .bottom = 0, .budget = 60, .max_basis = 24};
  options.measurements = {more("delta", {}, When::instability),
                          more("kappa", {{"directions", std::int64_t{0}}}, When::event), more("update_cosine"),
                          more("density", {{"probes", std::int64_t{2}}, {"depth", std::int64_t{4}}}, When::event)};
  Trainer trainer(device, n.objective, n.data(), {}, options, n.theta.view());
  EventFinder finder(options.events.merge_gap, options.events.minimum_length);
  int inside = 0, events = 0, steps = 0;
  for (int t = 0; t < 60; ++t) {
    CAPTURE(t);
    const Row& row = trainer.step();
    const bool before = finder.inside();
    const bool over = finder.push(t, *row.number("surplus")).has_value();
    const bool event = over || finder.inside() != before;
    CHECK(row.number("delta").has_value() == finder.inside());
    CHECK(row.number("kappa_u1").has_value() == event);
    CHECK(row.number("trace").has_value() == event);
    CHECK(row.number("update_cosine").has_value() == (t >= 2));
    inside += finder.inside();
    events += event;
    ++steps;
  }
  CHECK(inside > 0);
  CHECK(inside < steps);
  CHECK(events > 0);
  CHECK(events < inside);
}

// SPDX-License-Identifier: MIT
// The Hessian–vector product and its relatives in float64: against differences, symmetry, closed forms, and each other.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "autodiff/transform.h"
#include "tests/bits/whole_computation.h"

using namespace brink;
using support::Network;

namespace {

using Doubles = std::vector<double>;

Doubles copy(const Array& a) { return {a.span<double>().begin(), a.span<double>().end()}; }
double dot(const Doubles& a, const Doubles& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
double norm(const Doubles& a) { return std::sqrt(dot(a, a)); }
Doubles minus(const Doubles& a, const Doubles& b) {
  Doubles d = a;
  for (std::size_t i = 0; i < d.size(); ++i) d[i] -= b[i];
  return d;
}
Array moved(const Network& n, double t, const Array& along) {
  Array x = n.vector();
  for (std::size_t i = 0; i < x.span<double>().size(); ++i)
    x.span<double>()[i] = n.theta.span<double>()[i] + t * along.span<double>()[i];
  return x;
}

Doubles gradient_at(const Network& n, const Array& theta) {
  Device device;
  const Array g = n.vector();
  Gradient(device, n.objective, n.data()).evaluate(theta.view(), g.view());
  return copy(g);
}
Doubles hessian_times(const Network& n, const Array& v) {
  Device device;
  const Array g = n.vector(), hv = n.vector();
  Hvp hvp(device, n.objective, n.data());
  hvp.linearize_at(n.theta.view(), g.view());
  hvp.apply(v.view(), hv.view());
  return copy(hv);
}
Doubles gauss_newton_times(const Network& n, const Array& v) {
  Device device;
  const Array gv = n.vector();
  SampleSum sum(device, n.objective,
                [&](std::int64_t s) { return build_gauss_newton(n.model, n.options.loss, Dtype::f64, s); }, n.data(),
                {}, {});
  const View directions[] = {v.view()};
  sum.run(n.theta.view(), directions, gv.view(), {});
  return copy(gv);
}
Doubles logits_at(const Network& n, const Array& theta) {
  Device device;
  const Array f(Shape{n.options.samples, n.options.classes}, Dtype::f64);
  SampleSum sum(device, n.objective, [&](std::int64_t s) { return build_logits(n.model, Dtype::f64, s); }, n.data(), {},
                {});
  const View samples[] = {f.view()};
  sum.run(theta.view(), {}, {}, {}, samples);
  return copy(f);
}

const support::NetworkOptions networks[] = {
    {.samples = 300, .activation = Activation::tanh, .loss = Loss::cross_entropy},
    {.samples = 300, .activation = Activation::tanh, .loss = Loss::mse},
    {.samples = 40, .activation = Activation::relu, .loss = Loss::cross_entropy},
    {.samples = 129, .hidden = {}, .loss = Loss::cross_entropy},
};

}  // namespace

TEST_CASE("Hv against central differences of the gradient") {
  for (const auto& options : networks) {
    const Network n(options);
    constexpr double h = 1e-6;  // no unit of the relu network changes sign within it
    const Doubles up = gradient_at(n, moved(n, h, n.v)), down = gradient_at(n, moved(n, -h, n.v));
    Doubles difference = minus(up, down);
    for (double& x : difference) x /= 2 * h;
    const Doubles hv = hessian_times(n, n.v);
    CHECK(norm(minus(hv, difference)) <= 1e-8 * norm(hv));
    CHECK(norm(minus(hessian_times(n, n.w), difference)) > 0.1 * norm(hv));  // another direction is another product
  }
}

TEST_CASE("uᵀHv = vᵀHu") {
  for (const auto& options : networks) {
    const Network n(options);
    const Doubles hv = hessian_times(n, n.v), hw = hessian_times(n, n.w), v = copy(n.v), w = copy(n.w);
    CHECK(std::abs(dot(w, hv) - dot(v, hw)) <= 1e-13 * norm(w) * norm(hv));
  }
}

TEST_CASE("the linearised product is, bit for bit, the tangent of the gradient in one graph") {
  for (auto options : networks)
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      options.dtype = dtype;
      const Network n(options);
      Device device;
      const Array g = n.vector(), hv = n.vector(), direct = n.vector();
      Hvp hvp(device, n.objective, n.data(), {128, 0});
      hvp.linearize_at(n.theta.view(), g.view());
      hvp.apply(n.v.view(), hv.view());
      SampleSum sum(device, n.objective, [&](std::int64_t s) { return support::hvp_in_one_graph(n.objective, s); },
                    n.data(), {}, {});
      const View directions[] = {n.v.view()};
      sum.run(n.theta.view(), directions, direct.view(), {});
      CHECK(support::same_bytes(hv.view(), direct.view()));
    }
}

TEST_CASE(
    "a limit for all memory is kept: fewer residuals, the same bits; too small a one is refused with what is needed") {
  const Network n({.samples = 2000});
  Device device;
  const Array g = n.vector(), hv = n.vector(), expected = n.vector();
  std::int64_t residuals = 0, all = 0;
  const std::int64_t before = allocated_bytes(device);
  {
    Hvp whole(device, n.objective, n.data(), {128, 0});
    REQUIRE(whole.kept_blocks() == whole.blocks());
    residuals = whole.residual_bytes();
    all = allocated_bytes(device) - before;
    whole.linearize_at(n.theta.view(), g.view());
    whole.apply(n.v.view(), expected.view());
  }
  CHECK(allocated_bytes(device) == before);
  std::int64_t partly = 0, refused = 0;
  for (std::int64_t limit = all; limit > all - residuals; limit -= residuals / 20) {
    try {
      Hvp hvp(device, n.objective, n.data(), {.chunk = 128, .limit_bytes = before + limit});
      CHECK(allocated_bytes(device) <= before + limit);
      partly += hvp.kept_blocks() > 0 && hvp.kept_blocks() < hvp.blocks();
      hvp.linearize_at(n.theta.view(), g.view());
      hvp.apply(n.v.view(), hv.view());
      CHECK(support::same_bytes(hv.view(), expected.view()));
    } catch (const OutOfMemory& e) {
      ++refused;
      CHECK(e.needed_bytes > e.free_bytes);
    }
  }
  CHECK(partly > 0);
  CHECK(refused > 0);
  // A budget of residuals below what recomputing needs keeps none; it is no lack of memory.
  Hvp least(device, n.objective, n.data(), {.chunk = 128, .memory_bytes = 1, .limit_bytes = before + all});
  CHECK(least.kept_blocks() == 0);
  least.linearize_at(n.theta.view(), g.view());
  least.apply(n.v.view(), hv.view());
  CHECK(support::same_bytes(hv.view(), expected.view()));
}

TEST_CASE("H is linear: zero to +0, doubling exact; θ may change after linearize_at; gaps stay +0") {
  const Network n({.samples = 200});
  Device device;
  const Array g = n.vector(), hv = n.vector(), twice = n.vector(), theta = n.vector(), v2 = n.vector();
  std::ranges::copy(n.theta.span<double>(), theta.span<double>().begin());
  for (std::size_t i = 0; i < v2.span<double>().size(); ++i) v2.span<double>()[i] = 2 * n.v.span<double>()[i];
  Hvp hvp(device, n.objective, n.data());
  hvp.linearize_at(theta.view(), g.view());
  hvp.apply(n.v.view(), hv.view());
  std::ranges::fill(theta.span<double>(), 3.0);
  hvp.apply(v2.view(), twice.view());
  for (std::size_t i = 0; i < hv.span<double>().size(); ++i)
    REQUIRE(twice.span<double>()[i] == 2 * hv.span<double>()[i]);
  const Array zero = n.vector();
  hvp.apply(zero.view(), twice.view());
  for (const double x : twice.span<double>()) REQUIRE(x == 0);
  std::vector<char> used(static_cast<std::size_t>(hvp.dim()), 0);
  for (const Parameter& p : n.objective.layout.parameters())
    std::fill_n(used.begin() + p.offset, p.shape.elements(), char{1});
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i])
      REQUIRE((hv.span<double>()[i] == 0 && !std::signbit(hv.span<double>()[i]) && g.span<double>()[i] == 0));
  CHECK(std::ranges::count(used, 0) > 0);
}

TEST_CASE("Gauss–Newton is the Hessian of a network linear in its parameters, and of no other") {
  for (const Loss loss : {Loss::mse, Loss::cross_entropy}) {
    const Network linear({.samples = 300, .hidden = {}, .loss = loss});
    const Doubles gv = gauss_newton_times(linear, linear.v), hv = hessian_times(linear, linear.v);
    CHECK(norm(minus(gv, hv)) <= 1e-14 * norm(hv));
    const Network deep({.samples = 300, .loss = loss});
    const Doubles other = hessian_times(deep, deep.v);
    CHECK(norm(minus(gauss_newton_times(deep, deep.v), other)) > 1e-3 * norm(other));
  }
}

TEST_CASE("vᵀGv is the loss's curvature in the space of logits, summed by plain loops") {
  for (const Loss loss : {Loss::mse, Loss::cross_entropy})
    for (const Activation activation : {Activation::tanh, Activation::relu}) {
      const Network n({.samples = 150, .activation = activation, .loss = loss});
      constexpr double h = 1e-6;
      Doubles jv = minus(logits_at(n, moved(n, h, n.v)), logits_at(n, moved(n, -h, n.v)));
      const Doubles f = logits_at(n, n.theta);
      double expected = 0;
      for (std::size_t s = 0; s < 150; ++s) {
        double z = 0, first = 0, second = 0;
        for (std::size_t c = 0; c < 4; ++c) {
          const double u = jv[4 * s + c] / (2 * h), p = loss == Loss::mse ? 1 : std::exp(f[4 * s + c]);
          z += p;
          first += p * u;
          second += p * u * u;
        }
        expected += loss == Loss::mse ? second : second / z - first / z * (first / z);
      }
      CHECK(dot(copy(n.v), gauss_newton_times(n, n.v)) == doctest::Approx(expected / 150).epsilon(1e-8));
    }
}

TEST_CASE("derivatives of orders 1 to 3 along directions agree with gradient, HVP and differences of the HVP") {
  for (const Loss loss : {Loss::mse, Loss::cross_entropy}) {
    Network n({.samples = 150, .loss = loss});
    Device device;
    const int along[] = {0, 0, 1};
    double d[4];
    SampleSum sum(device, n.objective,
                  [&](std::int64_t s) { return build_directional_derivatives(n.model, loss, Dtype::f64, s, along); },
                  n.data(), {}, {1, 1, 1, 1});
    const View directions[] = {n.v.view(), n.w.view()};
    sum.run(n.theta.view(), directions, {}, d);
    const Doubles v = copy(n.v);
    CHECK(d[1] == doctest::Approx(dot(v, gradient_at(n, n.theta))).epsilon(1e-12));
    CHECK(d[2] == doctest::Approx(dot(v, hessian_times(n, n.v))).epsilon(1e-12));
    constexpr double h = 1e-5;
    const Array theta = moved(n, 0, n.v), up = moved(n, h, n.w), down = moved(n, -h, n.w);
    std::ranges::copy(up.span<double>(), n.theta.span<double>().begin());
    const double above = dot(v, hessian_times(n, n.v));
    std::ranges::copy(down.span<double>(), n.theta.span<double>().begin());
    const double below = dot(v, hessian_times(n, n.v));
    CHECK(d[3] == doctest::Approx((above - below) / (2 * h)).epsilon(1e-7));
  }
}

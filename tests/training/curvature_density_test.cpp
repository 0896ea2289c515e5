// SPDX-License-Identifier: MIT
#include "training/curvature_density.h"

#include <doctest/doctest.h>

#include <cmath>

#include "models/dln.h"
#include "spectral/dense_spectrum.h"
#include "tests/support/networks.h"

using namespace brink;

namespace {

constexpr CurvatureOperator all_operators[] = {CurvatureOperator::hessian, CurvatureOperator::gauss_newton,
                                               CurvatureOperator::difference};

/// The curvature of a small network at its θ.
struct Fixture {
  explicit Fixture(const support::NetworkOptions& o, int threads = 1, std::int64_t chunk = 0)
      : pool(threads),
        device{Where::cpu, &pool},
        network(o),
        hvp(device, network.objective, network.data(), {chunk}),
        operators(device, network.objective, network.data(), {chunk}, true) {
    const Array gradient = network.vector();
    hvp.linearize_at(network.theta.view(), gradient.view());
    operators.linearize_at(network.theta.view());
    hessian = {network.objective.layout.extent(), o.dtype, [this](View x, View y) { hvp.apply(x, y); }};
  }
  DenseSpectrum dense(CurvatureOperator o) {
    return {device, operators.choose(o, hessian), network.objective.layout.places(), false};
  }
  CurvatureDensity density(const DensityOptions& o, std::uint64_t step = 3) {
    CurvatureDensity out(device, network.objective.layout, network.objective.dtype, o, 1);
    out.measure(operators, hessian, step);
    return out;
  }

  ThreadPool pool;
  Device device;
  support::Network network;
  Hvp hvp;
  CurvatureOperators operators;
  LinearOperator hessian;
};

/// 3·4 + 4 + 4·3 + 3 = 31 parameters.
constexpr auto tiny = [] { return support::NetworkOptions{.samples = 40, .hidden = {4}, .inputs = 3, .classes = 3}; };

}  // namespace

TEST_CASE("the density of Hessian, Gauss–Newton matrix and their difference, with a whole basis of random vectors") {
  Fixture f(tiny());
  const CurvatureDensity density =
      f.density({.quadrature = {64, 64}, .operators = {std::begin(all_operators), std::end(all_operators)}});
  REQUIRE(density.operators().size() == 3);
  for (const DensityFindings& found : density.operators()) {
    CAPTURE(found.name);
    const DenseSpectrum dense = f.dense(all_operators[&found - density.operators().data()]);
    CHECK(found.measure.dim == 31);
    CHECK(found.measure.probes.size() == 31);
    CHECK(found.trace.value == doctest::Approx(dense.trace()).epsilon(1e-10));
    CHECK(found.trace_of_square.value == doctest::Approx(dense.trace_of_square()).epsilon(1e-10));
    const std::vector<double> exact = smoothed(dense.eigenvalues(), found.curve.width, found.curve.at);
    for (std::size_t i = 0; i < exact.size(); ++i)
      CHECK(std::fabs(found.curve.value[i] - exact[i]) <= 1e-9 * 31 / found.curve.width);
    CHECK(found.asymmetry < 1e-14);
  }
  const auto at = density.operators();
  CHECK(at[0].trace.value == doctest::Approx(at[1].trace.value + at[2].trace.value).epsilon(1e-12));
  CHECK(at[0].bulk.has_value());
  CHECK_FALSE(at[1].bulk.has_value());  // semidefinite: what it has below zero is rounding
  CHECK(at[2].bulk.has_value());
  CHECK(at[0].bulk->edge == doctest::Approx(-f.dense(CurvatureOperator::hessian).eigenvalues().front()).epsilon(1e-9));
}

TEST_CASE("rounding is not taken for asymmetry, even of a difference that is nothing else") {
  Fixture f({.samples = 40, .hidden = {}, .dtype = Dtype::f32, .inputs = 3, .classes = 3});  // linear: H = G
  const CurvatureDensity density =
      f.density({.quadrature = {4, 8}, .operators = {std::begin(all_operators), std::end(all_operators)}});
  CHECK(density.operators()[2].measure.largest() < 1e-5 * density.operators()[0].measure.largest());
  for (const DensityFindings& found : density.operators()) CHECK(found.symmetric);
}

TEST_CASE("layers: traces add up to that of the whole, and what their blocks leave out is measured") {
  Fixture f(tiny());
  const CurvatureDensity density = f.density({.quadrature = {64, 64}, .per_layer = true});
  REQUIRE(density.layers().size() == 2);
  CHECK(density.layers()[0].name == "hessian/dense0");
  CHECK(density.layers()[0].measure.dim == 16);
  CHECK(density.layers()[1].measure.dim == 15);
  const double sum = density.layers()[0].trace.value + density.layers()[1].trace.value;
  CHECK(sum == doctest::Approx(density.operators()[0].trace.value).epsilon(1e-10));
  // The squared entries of the whole matrix and of its blocks, from the products with unit vectors.
  const std::vector<std::int64_t> places = f.network.objective.layout.places();
  const DenseSpectrum first(f.device, f.hessian, std::span(places).first(16), false),
      second(f.device, f.hessian, std::span(places).subspan(16), false);
  const double inside = first.trace_of_square() + second.trace_of_square(),
               whole = f.dense(CurvatureOperator::hessian).trace_of_square();
  CHECK(density.outside_blocks().value() == doctest::Approx(1 - inside / whole).epsilon(1e-9));
  CHECK(density.outside_blocks().value() > 0.01);
  CHECK(density.products() > 0);
}

TEST_CASE("the same bits of densities and files for any threads and chunks") {
  const auto bits = [](int threads, std::int64_t chunk) {
    Fixture f({.samples = 300, .dtype = Dtype::f32}, threads, chunk);
    CurvatureDensity density = f.density(
        {.quadrature = {3, 10}, .operators = {std::begin(all_operators), std::end(all_operators)}, .per_layer = true});
    support::Bits out;
    for (const NamedView& t : density.tensors()) out.add(t.name, t.view);
    for (const auto& [key, value] : density.metadata()) out.add(key, value);
    return out;
  };
  const support::Bits one = bits(1, 0);
  CHECK(one.parts.size() > 40);
  CHECK(support::first_difference(bits(3, 0), one).empty());
  CHECK(support::first_difference(bits(2, 128), one).empty());
}

TEST_CASE("a network of two parameters has a density of mass two, and its Gauss–Newton part is ℓ″zz′") {
  Device device;
  const Objective o = make_dln_objective({}, DlnLoss::half_square, 1, Dtype::f64);
  std::int32_t label = 0;
  const View data[] = {view_of(&label, {1})};
  Hvp hvp(device, o, data);
  CurvatureOperators operators(device, o, data, {}, true);
  const Array theta = o.layout.make_vector(Dtype::f64), gradient = o.layout.make_vector(Dtype::f64);
  *o.layout.view(theta.view(), 0).as<double>() = 2.5;
  *o.layout.view(theta.view(), 1).as<double>() = 0.5;
  hvp.linearize_at(theta.view(), gradient.view());
  operators.linearize_at(theta.view());
  const LinearOperator hessian{o.layout.extent(), Dtype::f64, [&](View x, View y) { hvp.apply(x, y); }};
  CurvatureDensity density(device, o.layout, Dtype::f64,
                           {.operators = {std::begin(all_operators), std::end(all_operators)}}, 0);
  density.measure(operators, hessian, 0);
  const auto found = density.operators();
  for (const DensityFindings& f : found) {
    CHECK(f.measure.dim == 2);
    CHECK(moment_of(f.measure, 0).value == doctest::Approx(2).epsilon(1e-14));
    double mass = 0;
    for (const double x : f.curve.value) mass += x * (f.curve.at[1] - f.curve.at[0]);
    CHECK(mass == doctest::Approx(2).epsilon(1e-3));
  }
  // H = [[θ₁², 2θ₀θ₁ − y], [·, θ₀²]]; its Gauss–Newton part is (θ₁, θ₀)(θ₁, θ₀)ᵀ, the rest has z − y off the diagonal.
  CHECK(found[0].trace.value == doctest::Approx(6.5).epsilon(1e-13));
  CHECK(found[1].trace.value == doctest::Approx(6.5).epsilon(1e-13));
  CHECK(found[1].trace_of_square.value == doctest::Approx(6.5 * 6.5).epsilon(1e-13));
  CHECK(std::fabs(found[2].trace.value) < 1e-13);
  CHECK(found[2].trace_of_square.value == doctest::Approx(2 * 0.25 * 0.25).epsilon(1e-13));
}

TEST_CASE("layers are consecutive parameters of one name") {
  const ParameterLayout layout(
      {{"stem.weight", {3, 2}}, {"stem.bias", {2}}, {"block.conv.weight", {5}}, {"theta", {1}}});
  const std::vector<Layer> layers = layers_of(layout);
  REQUIRE(layers.size() == 3);
  CHECK(layers[0].name == "stem");
  CHECK(layers[0].count == 8);
  CHECK(layers[0].to == 64);
  CHECK(layers[1].name == "block.conv");
  CHECK(layers[2].name == "theta");
  CHECK(layers[2].to == layout.extent());
}

// SPDX-License-Identifier: MIT
// The product with the Hessian of the training-mode loss against the whole Hessian computed in two other ways, and against the
// Hessian in evaluation mode, which is another matrix. docs/ghost_batch_norm.md quotes the figures printed here.
#include <doctest/doctest.h>

#include <cmath>

#include "autodiff/transform.h"
#include "kernels/dense/symmetric_eigen.h"
#include "models/convolutional.h"
#include "models/statistics.h"
#include "tests/support/networks.h"

using namespace brink;
using support::Network;

namespace {

using Matrix = std::vector<std::vector<double>>;  // columns, gaps of the layout included

Network tiny() {
  Network n{{.samples = 10, .loss = Loss::cross_entropy, .dtype = Dtype::f64},
            vgg({6, 6, 2}, {2, 3}, 3, {.batch = 4})};  // groups of 4, 4 and 2
  Device device;
  initialise(device, n.model.layout, Init::lecun, 5, n.theta.view());
  return n;
}

/// column(v) for every unit vector v.
template <class Column>
Matrix columns(const Network& n, const Column& column) {
  Matrix out;
  const Array v = n.vector();
  for (const Parameter& p : n.model.layout.parameters())
    for (std::int64_t i = p.offset; i < p.offset + p.shape.elements(); ++i) {
      v.span<double>()[static_cast<std::size_t>(i)] = 1;
      const Array c = column(v.view());
      out.emplace_back(c.span<double>().begin(), c.span<double>().end());
      v.span<double>()[static_cast<std::size_t>(i)] = 0;
    }
  return out;
}

Matrix by_products(const Network& n, const Objective& objective) {
  Device device;
  Hvp hvp(device, objective, n.data(), {4, 0});
  const Array gradient = n.vector();
  hvp.linearize_at(n.theta.view(), gradient.view());
  return columns(n, [&](const View& v) {
    Array hv = n.vector();
    hvp.apply(v, hv.view());
    return hv;
  });
}

/// Reverse over reverse: the pullback of the gradient. No forward rule takes part.
Matrix by_pullbacks(const Network& n) {
  Device device;
  const auto build = [&](std::int64_t samples) {
    Graph g = grad(n.objective.loss(samples));
    const Vars parameters = parameters_of(g);
    Vars gradient, v;
    for (const Output& o : g.outputs())
      if (o.role == OutputRole::parameter) gradient.push_back(o.var);
    for (std::size_t i = 0; i < parameters.size(); ++i)
      v.push_back(g.input("v", g.type(parameters[i]), InputRole::tangent, static_cast<int>(i)));
    const Vars hv = pullback(g, gradient, v, parameters);
    g.clear_outputs();
    for (std::size_t i = 0; i < hv.size(); ++i) g.output("Hv", OutputRole::parameter, static_cast<int>(i), hv[i]);
    return prune(g);
  };
  SampleSum sum(device, n.objective, build, n.data(), {n.options.samples, 0}, {});
  return columns(n, [&](const View& v) {
    Array hv = n.vector();
    const View directions[] = {v};
    sum.run(n.theta.view(), directions, hv.view(), {});
    return hv;
  });
}

/// Central differences of the gradient.
Matrix by_differences(const Network& n) {
  Device device;
  constexpr double h = 1e-6;
  Gradient gradient(device, n.objective, n.data(), {});
  return columns(n, [&](const View& v) {
    Array sides[2] = {n.vector(), n.vector()};
    for (const int side : {0, 1}) {
      const Array theta = n.vector();
      for (std::size_t i = 0; i < theta.span<double>().size(); ++i)
        theta.span<double>()[i] = n.theta.span<double>()[i] + (side ? h : -h) * v.span<double>()[i];
      gradient.evaluate(theta.view(), sides[side].view());
    }
    for (std::size_t i = 0; i < sides[0].span<double>().size(); ++i)
      sides[1].span<double>()[i] = (sides[1].span<double>()[i] - sides[0].span<double>()[i]) / (2 * h);
    return std::move(sides[1]);
  });
}

/// max|A − B| / max|B|
double error_of(const Matrix& a, const Matrix& b) {
  double most = 0, difference = 0;
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a[i].size(); ++j) {
      most = std::max(most, std::abs(b[i][j]));
      difference = std::max(difference, std::abs(a[i][j] - b[i][j]));
    }
  return difference / most;
}

std::vector<double> eigenvalues_of(const Network& n, const Matrix& h) {
  std::vector<double> dense;
  for (const auto& column : h)
    for (const Parameter& p : n.model.layout.parameters())
      for (std::int64_t i = p.offset; i < p.offset + p.shape.elements(); ++i)
        dense.push_back(column[static_cast<std::size_t>(i)]);
  std::vector<double> values(h.size()), work(h.size());
  REQUIRE(symmetric_eigen(static_cast<int>(h.size()), dense.data(), values.data(), work.data()));
  return values;
}

}  // namespace

TEST_CASE("the product is with the Hessian of the training-mode loss, to 1e-9; evaluation mode has another Hessian") {
  const Network n = tiny();
  const Matrix h = by_products(n, n.objective), reverse = by_pullbacks(n), differences = by_differences(n);
  CHECK(error_of(h, reverse) <= 1e-9);
  CHECK(error_of(h, differences) <= 1e-9);

  Device device;
  const NormStatistics statistics = support::statistics_of(n, 4);
  Objective evaluation = make_objective(n.model, n.options.loss, Dtype::f64, NormMode::evaluation);
  evaluation.shared = statistics.shared();
  const Matrix other = by_products(n, evaluation);
  CHECK(error_of(other, h) > 0.1);
  const std::vector<double> own = eigenvalues_of(n, h), others = eigenvalues_of(n, other);
  CHECK(std::abs(others.back() / own.back() - 1) > 0.1);
  MESSAGE("n = " << n.model.layout.count() << ": reverse over reverse " << error_of(h, reverse) << ", differences "
                 << error_of(h, differences) << ", evaluation mode " << error_of(other, h) << "; lambda_1 "
                 << own.back() << " and " << others.back() << ", lambda_n " << own.front() << " and "
                 << others.front());
}

TEST_CASE("statistics are the groups' means and variances, weighted by their samples") {
  const Network n = tiny();  // groups of 4, 4 and 2
  Device device;
  const NormStatistics statistics = support::statistics_of(n, 4);
  // The first normalisation: its input is a convolution of x, computed here by hand.
  const auto w = n.model.layout.view(n.theta.view(), 0).span<double>();
  const auto x = n.x.span<double>();
  for (std::size_t k = 0; k < 2; ++k) {
    double mean = 0, variance = 0;
    for (const auto& [first, count] : {std::pair{0, 4}, {4, 4}, {8, 2}}) {
      std::vector<double> values;
      for (int s = first; s < first + count; ++s)
        for (int p = 0; p < 6; ++p)
          for (int q = 0; q < 6; ++q) {
            double z = 0;
            for (int i = 0; i < 3; ++i)
              for (int j = 0; j < 3; ++j)
                for (int c = 0; c < 2; ++c)
                  if (p + i >= 1 && p + i <= 6 && q + j >= 1 && q + j <= 6)
                    z += x[static_cast<std::size_t>(((s * 6 + p + i - 1) * 6 + q + j - 1) * 2 + c)] *
                         w[static_cast<std::size_t>(((i * 3 + j) * 2 + c) * 2) + k];
            values.push_back(z);
          }
      double m = 0, v = 0;
      for (const double z : values) m += z / static_cast<double>(values.size());
      for (const double z : values) v += (z - m) * (z - m) / static_cast<double>(values.size());
      mean += m * count / 10;
      variance += v * count / 10;
    }
    CHECK(statistics.mean(0).span<double>()[k] == doctest::Approx(mean).epsilon(1e-13));
    CHECK(statistics.inverse_deviation(0).span<double>()[k] ==
          doctest::Approx(1 / std::sqrt(variance + 1e-5)).epsilon(1e-13));
  }
}

TEST_CASE("in evaluation mode a sample's answer does not depend on the others") {
  const Network n = tiny();
  Device device;
  const NormStatistics statistics = support::statistics_of(n, 4);
  const auto logits = [&](std::int64_t first, std::int64_t samples, NormMode mode) {
    Objective o = n.objective;
    o.shared = statistics.shared();
    SampleSum sum(
        device, o,
        [&](std::int64_t s) {
          ModelGraph f = build_forward(n.model, Dtype::f64, s, mode);
          f.g.output("logits", OutputRole::samples, 0, f.logits);
          return prune(f.g);
        },
        std::vector<View>{
            {n.x.span<double>().data() + first * n.x.view().shape[1], {samples, n.x.view().shape[1]}, Dtype::f64},
            {n.labels.span<std::int32_t>().data() + first, {samples}, Dtype::i32}},
        {}, {});
    Array out({samples, 3}, Dtype::f64);
    const View outputs[] = {out.view()};
    sum.run(n.theta.view(), {}, {}, {}, outputs);
    return std::vector<double>(out.span<double>().begin(), out.span<double>().end());
  };
  const auto all = logits(0, 10, NormMode::evaluation), some = logits(3, 3, NormMode::evaluation);
  CHECK(std::vector<double>(all.begin() + 9, all.begin() + 18) == some);
  CHECK(logits(0, 10, NormMode::training) != all);
}

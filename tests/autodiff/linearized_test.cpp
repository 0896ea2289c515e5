// SPDX-License-Identifier: MIT
// Linearized beyond one Hessian product: the Gauss–Newton product with its residuals, and several vectors at a time.
#include "autodiff/batch/linearized.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/dense/symmetric_eigen.h"
#include "kernels/tracer.h"
#include "models/convolutional.h"
#include "tests/support/networks.h"

using namespace brink;
using support::Network;

namespace {

using Doubles = std::vector<double>;

LinearizedBuilder gauss_newton(const Network& n) { return gauss_newton_of(n.model, n.options.loss, n.options.dtype); }

std::vector<Network> networks(Dtype dtype) {
  std::vector<Network> out;
  out.emplace_back(support::NetworkOptions{.samples = 300, .dtype = dtype});
  out.emplace_back(support::NetworkOptions{
      .samples = 300, .hidden = {5}, .activation = Activation::relu, .loss = Loss::mse, .dtype = dtype});
  out.emplace_back(support::NetworkOptions{.samples = 18, .dtype = dtype}, vgg({6, 6, 2}, {2, 3}, 4, {.batch = 4}));
  return out;
}

/// Where the parameters' entries lie in a vector, gaps left out.
std::vector<std::size_t> entries_of(const ParameterLayout& layout) {
  std::vector<std::size_t> out;
  for (const Parameter& p : layout.parameters())
    for (std::int64_t i = 0; i < p.shape.elements(); ++i) out.push_back(static_cast<std::size_t>(p.offset + i));
  return out;
}

/// The matrix of the products along all unit vectors, seven at a time: row i is the product along entry i.
Doubles matrix_of(const Network& n, const LinearizedBuilder& build) {
  const std::vector<std::size_t> entries = entries_of(n.objective.layout);
  const std::size_t size = entries.size(), extent = static_cast<std::size_t>(n.objective.layout.extent());
  const Array g = n.vector(), shape({static_cast<std::int64_t>(size * extent)}, Dtype::f64),
              vectors = zeros(shape.view().shape, Dtype::f64), products = zeros(shape.view().shape, Dtype::f64);
  for (std::size_t i = 0; i < size; ++i) vectors.span<double>()[i * extent + entries[i]] = 1;
  Device device;
  Linearized a(device, n.objective, build, n.data(), {128, 0}, 7);
  a.linearize_at(n.theta.view(), g.view());
  a.apply(vectors.view(), products.view());
  Doubles out(size * size);
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < size; ++j) out[i * size + j] = products.span<double>()[i * extent + entries[j]];
  return out;
}

/// 1/N Σ JᵀHJ by plain loops, J by central differences of the logits, H in closed form.
Doubles dense_gauss_newton(const Network& n) {
  Device device;
  SampleSum sum(device, n.objective, [&](std::int64_t s) { return build_logits(n.model, Dtype::f64, s); }, n.data(), {},
                {});
  const auto logits_at = [&](const Array& theta) {
    const Array f(Shape{n.options.samples, n.options.classes}, Dtype::f64);
    const View outputs[] = {f.view()};
    sum.run(theta.view(), {}, {}, {}, outputs);
    return Doubles(f.span<double>().begin(), f.span<double>().end());
  };
  const std::vector<std::size_t> entries = entries_of(n.objective.layout);
  const std::size_t size = entries.size(), classes = static_cast<std::size_t>(n.options.classes);
  const Doubles f = logits_at(n.theta);
  std::vector<Doubles> jacobian;  // by entry
  constexpr double h = 1e-6;
  for (const std::size_t e : entries) {
    const Array theta = to_host(device, n.theta.view());
    theta.span<double>()[e] += h;
    Doubles up = logits_at(theta);
    theta.span<double>()[e] -= 2 * h;
    const Doubles down = logits_at(theta);
    for (std::size_t i = 0; i < up.size(); ++i) up[i] = (up[i] - down[i]) / (2 * h);
    jacobian.push_back(std::move(up));
  }
  Doubles out(size * size);
  for (std::size_t s = 0; s < f.size(); s += classes) {
    Doubles p(classes);
    double z = 0;
    for (std::size_t c = 0; c < classes; ++c) z += p[c] = std::exp(f[s + c]);
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j) {
        double both = 0, first = 0, second = 0;
        for (std::size_t c = 0; c < classes; ++c) {
          const double weight = n.options.loss == Loss::mse ? 1 : p[c] / z;
          both += weight * jacobian[i][s + c] * jacobian[j][s + c];
          first += weight * jacobian[i][s + c];
          second += weight * jacobian[j][s + c];
        }
        out[i * size + j] +=
            (n.options.loss == Loss::mse ? both : both - first * second) / static_cast<double>(n.options.samples);
      }
  }
  return out;
}

double largest(const Doubles& a) {
  double most = 0;
  for (const double x : a) most = std::max(most, std::abs(x));
  return most;
}
double largest_difference(const Doubles& a, const Doubles& b) {
  Doubles d = a;
  for (std::size_t i = 0; i < d.size(); ++i) d[i] -= b[i];
  return largest(d);
}
double asymmetry(const Doubles& a, std::size_t size) {
  double most = 0;
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < i; ++j) most = std::max(most, std::abs(a[i * size + j] - a[j * size + i]));
  return most;
}
double smallest_eigenvalue(Doubles a, std::size_t size) {
  Doubles values(size), work(size);
  REQUIRE(symmetric_eigen(static_cast<int>(size), a.data(), values.data(), work.data()));
  return *std::ranges::min_element(values);
}

/// Counts the rows that are read.
class CountedRows final : public RowMaker {
 public:
  explicit CountedRows(const View& array) : rows_(array) {}
  Shape shape() const override { return rows_.shape(); }
  Dtype dtype() const override { return rows_.dtype(); }
  void fill(std::int64_t first, std::int64_t count, void* out) const override {
    read += count;
    rows_.fill(first, count, out);
  }
  mutable std::int64_t read = 0;

 private:
  support::ArrayRows rows_;
};

/// Counts the runs of the program that computes residuals again.
class ResidualRuns final : public Tracer {
 public:
  ResidualRuns() : Tracer(true) {}
  void begin(const TraceName& name, std::int64_t) noexcept override { count += name.name == "residuals"; }
  void end() noexcept override {}
  std::int64_t count = 0;
};

/// Vectors one after the other.
Array several_vectors(const Network& n, int count) {
  const ParameterLayout layout = n.objective.layout.repeated(count);
  return support::direction(layout, n.options.dtype, 31);
}
View vector_of(const Array& all, std::int64_t extent, int j) {
  const View& v = all.view();
  return {static_cast<char*>(v.data) + j * extent * size_of(v.dtype), Shape{extent}, v.dtype};
}

}  // namespace

TEST_CASE("the Gauss–Newton matrix is that of plain loops, symmetric and positive semidefinite, and no Hessian") {
  for (const Loss loss : {Loss::cross_entropy, Loss::mse}) {
    const Network n({.samples = 200, .hidden = {4}, .loss = loss, .inputs = 5, .classes = 3});
    const std::size_t size = static_cast<std::size_t>(n.objective.layout.count());
    const Doubles g = matrix_of(n, gauss_newton(n)), h = matrix_of(n, hessian_of(n.objective)),
                  expected = dense_gauss_newton(n);
    CHECK(largest_difference(g, expected) <= 1e-8 * largest(g));
    CHECK(asymmetry(g, size) <= 1e-15 * largest(g));
    CHECK(smallest_eigenvalue(g, size) >= -1e-14 * largest(g));
    // Controls: the Hessian is another matrix, with negative curvature; a matrix with one entry off is not symmetric.
    CHECK(largest_difference(h, expected) > 1e-2 * largest(g));
    CHECK(smallest_eigenvalue(h, size) < -1e-3 * largest(g));
    Doubles wrong = g;
    wrong[1] += 1e-14 * largest(g);
    CHECK(asymmetry(wrong, size) > 1e-15 * largest(g));
  }
}

TEST_CASE("Gauss–Newton products with residuals kept or computed again are those of one graph; loss and gradient too") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const Network& n : networks(dtype)) {
      Device device;
      const Array expected = n.vector(), g = n.vector(), gradient = n.vector(), product = n.vector();
      SampleSum sum(device, n.objective,
                    [&](std::int64_t s) { return build_gauss_newton(n.model, n.options.loss, dtype, s); }, n.data(), {},
                    {});
      const View directions[] = {n.v.view()};
      sum.run(n.theta.view(), directions, expected.view(), {});
      const LossAndCorrect pass = Gradient(device, n.objective, n.data()).evaluate(n.theta.view(), g.view());
      for (const int threads : {1, 3})
        for (const std::int64_t budget : {0, 1}) {
          ThreadPool pool(threads);
          Device on{Where::cpu, &pool, nullptr};
          Linearized newton(on, n.objective, gauss_newton(n), n.data(), {0, budget});
          CHECK(newton.kept_blocks() == (budget == 0 ? newton.blocks() : 0));
          const LossAndCorrect found = newton.linearize_at(n.theta.view(), gradient.view());
          CHECK(found.loss == pass.loss);
          CHECK(found.correct == pass.correct);
          CHECK(support::same_bytes(gradient.view(), g.view()));
          newton.apply(n.w.view(), product.view());
          CHECK_FALSE(support::same_bytes(product.view(), expected.view()));  // control
          newton.apply(n.v.view(), product.view());
          CHECK(support::same_bytes(product.view(), expected.view()));
        }
    }
}

TEST_CASE(
    "any pair of graphs: JᵀJv of the logits, without a loss, is the Gauss–Newton product of the squared loss alone") {
  for (const Loss loss : {Loss::mse, Loss::cross_entropy})
    for (const std::int64_t budget : {0, 1}) {
      const Network n({.samples = 300, .loss = loss});
      Device device;
      const Array g = n.vector(), product = n.vector(), newton_product = n.vector();
      Linearized squared(device, n.objective, support::squared_jacobian_of(n), n.data(), {0, budget});
      (void)squared.linearize_at(n.theta.view(), {});
      squared.apply(n.v.view(), product.view());
      Linearized newton(device, n.objective, gauss_newton(n), n.data());
      newton.linearize_at(n.theta.view(), g.view());
      newton.apply(n.v.view(), newton_product.view());
      CHECK(support::same_bytes(product.view(), newton_product.view()) == (loss == Loss::mse));
    }
}

TEST_CASE("a Gauss–Newton product costs less than the one graph, which computes all of it again") {
  const Network n({.samples = 300});
  Device device;
  const Linearized newton(device, n.objective, gauss_newton(n), n.data());
  const SampleSum whole(device, n.objective,
                        [&](std::int64_t s) { return build_gauss_newton(n.model, n.options.loss, n.options.dtype, s); },
                        n.data(), {}, {});
  CHECK(newton.tangent_flops() < whole.flops());
  CHECK(newton.residual_bytes() > 0);
}

TEST_CASE("products of several vectors at a time are, bit for bit, the single ones") {
  constexpr int count = 7;
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    for (const Network& n : networks(dtype))
      for (const bool newton : {false, true}) {
        const LinearizedBuilder build = newton ? gauss_newton(n) : hessian_of(n.objective);
        const std::int64_t extent = n.objective.layout.extent();
        const Array g = n.vector(), vectors = several_vectors(n, count),
                    expected = n.objective.layout.repeated(count).make_vector(dtype);
        Device device;
        Linearized single(device, n.objective, build, n.data());
        single.linearize_at(n.theta.view(), g.view());
        for (int j = 0; j < count; ++j) single.apply(vector_of(vectors, extent, j), vector_of(expected, extent, j));
        // Control: the vectors are different ones, and so are their products.
        for (int j = 1; j < count; ++j)
          REQUIRE_FALSE(support::same_bytes(vector_of(expected, extent, j), vector_of(expected, extent, j - 1)));
        for (const int together : {1, 2, 3, 7})
          for (const int threads : {1, 3})
            for (const std::int64_t budget : {0, 1}) {
              CAPTURE(together);
              ThreadPool pool(threads);
              Device on{Where::cpu, &pool, nullptr};
              Linearized several(on, n.objective, build, n.data(), {0, budget}, together);
              CHECK(several.tangent_flops() == single.tangent_flops());
              CHECK(several.kept_blocks() == (budget == 0 ? several.blocks() : 0));
              several.linearize_at(n.theta.view(), g.view());
              const Array products = n.objective.layout.repeated(count).make_vector(dtype);
              several.apply(vectors.view(), products.view());
              CHECK(support::same_bytes(products.view(), expected.view()));
            }
      }
  const Network n({.samples = 40});
  Device device;
  CHECK_THROWS_WITH_AS(Hvp(device, n.objective, n.data(), {}, 0), "0 vectors at a time: expected at least one",
                       std::invalid_argument);
}

TEST_CASE(
    "four vectors at a time read the samples, and compute residuals again, once for all of them and not once for "
    "each") {
  const Network n({.samples = 300});
  const std::int64_t extent = n.objective.layout.extent(), samples = 300;
  const Array g = n.vector(), vectors = several_vectors(n, 4),
              products = n.objective.layout.repeated(4).make_vector(n.options.dtype);
  for (const std::int64_t budget : {0, 1}) {
    CAPTURE(budget);
    CountedRows rows(n.x.view());
    ResidualRuns residuals;
    Device device{.tracer = &residuals};
    Hvp hvp(device, n.objective, {rows, n.labels.view()}, {128, budget}, 4);
    hvp.linearize_at(n.theta.view(), g.view());
    const auto counted = [&](auto&& apply) {
      const std::int64_t read = rows.read, runs = residuals.count;
      apply();
      return std::pair{rows.read - read, residuals.count - runs};
    };
    const auto together = counted([&] { hvp.apply(vectors.view(), products.view()); });
    const auto alone = counted([&] {
      for (int j = 0; j < 4; ++j) hvp.apply(vector_of(vectors, extent, j), vector_of(products, extent, j));
    });
    CHECK(together.first == samples);
    CHECK(together.second == (budget == 0 ? 0 : hvp.blocks()));
    CHECK(alone.first == 4 * together.first);
    CHECK(alone.second == 4 * together.second);
  }
}

TEST_CASE("products of several vectors keep their gaps at +0 beside statistics that the gradient's pass sums") {
  const Network n({.samples = 18}, vgg({6, 6, 2}, {2, 3}, 4, {.batch = 4}));
  const Objective o = make_objective_with_statistics(n.model, n.options.loss, n.options.dtype);
  Device device;
  const Array results = o.results().make_vector(n.options.dtype), vectors = several_vectors(n, 3),
              products = o.layout.repeated(3).make_vector(n.options.dtype);
  Hvp several(device, o, n.data(), {}, 3);
  several.linearize_at(n.theta.view(), results.view());
  several.apply(vectors.view(), products.view());
  std::vector<char> used(products.span<double>().size(), 0);
  for (const std::size_t e : entries_of(o.layout.repeated(3))) used[e] = 1;
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i]) REQUIRE((products.span<double>()[i] == 0 && !std::signbit(products.span<double>()[i])));
  CHECK(std::ranges::count(used, 0) > 0);
}

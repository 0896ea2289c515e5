// SPDX-License-Identifier: MIT
// The parameters at step 0: which are zero, which are normal, and what they depend on.
#include <doctest/doctest.h>

#include <cmath>

#include "kernels/random/random.h"
#include "models/initialise.h"
#include "models/mlp.h"
#include "tests/support/networks.h"

using namespace brink;

namespace {
const ParameterLayout& layout() {
  static const ParameterLayout l = mlp(784, {32, 30}, 5, Activation::relu).layout;
  return l;
}
Array made(Init init, std::uint64_t seed, Dtype dtype, Device device = {}) {
  set_poison(Poison::nan);
  Array theta(Shape{layout().extent()}, dtype);
  set_poison(Poison::zero);
  initialise(device, layout(), init, seed, theta.view());
  return theta;
}
}  // namespace

TEST_CASE("biases and gaps are +0, every weight is set") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64})
    with_real(dtype, [&]<class T>(T) {
      const Array theta = made(Init::lecun, 3, dtype);
      std::vector<char> weight(static_cast<std::size_t>(layout().extent()), 0);
      for (const Parameter& p : layout().parameters())
        if (p.fan_in > 0) std::fill_n(weight.begin() + p.offset, p.shape.elements(), char{1});
      for (std::size_t i = 0; i < weight.size(); ++i) {
        const T x = theta.span<T>()[i];
        if (weight[i])
          REQUIRE((std::isfinite(x) && x != 0));
        else
          REQUIRE((x == 0 && !std::signbit(x)));
      }
    });
  CHECK(layout().extent() > layout().count());
}

TEST_CASE("weights have mean 0 and variance 1/fan_in, or 2/fan_in") {
  for (const Init init : {Init::lecun, Init::he})
    for (int i = 0; i < layout().size(); ++i) {
      const Parameter& p = layout()[i];
      if (p.fan_in == 0) continue;
      const Array theta = made(init, 0, Dtype::f64);
      double sum = 0, square = 0;
      const auto w = layout().view(theta.view(), i).span<double>();
      for (const double x : w) {
        sum += x;
        square += x * x;
      }
      const auto n = static_cast<double>(w.size()),
                 variance = (init == Init::he ? 2.0 : 1.0) / static_cast<double>(p.fan_in);
      CHECK(std::abs(sum / n) < 4 * std::sqrt(variance / n));  // four standard errors
      CHECK(std::abs(square / n / variance - 1) < 4 * std::sqrt(2 / n));
    }
}

TEST_CASE(
    "θ₀ follows the seed alone: not threads; float32 is float64 rounded once; parameters have their own numbers") {
  const Array wide = made(Init::lecun, 11, Dtype::f64), narrow = made(Init::lecun, 11, Dtype::f32),
              other = made(Init::lecun, 12, Dtype::f64);
  ThreadPool pool(3);
  CHECK(support::same_bytes(made(Init::lecun, 11, Dtype::f64, {Where::cpu, &pool, nullptr}).view(), wide.view()));
  std::size_t equal = 0, weights = 0;
  for (std::size_t i = 0; i < wide.span<double>().size(); ++i) {
    REQUIRE(narrow.span<float>()[i] == static_cast<float>(wide.span<double>()[i]));
    if (wide.span<double>()[i] == 0) continue;
    ++weights;
    equal += wide.span<double>()[i] == other.span<double>()[i];
  }
  CHECK(weights > 25000);
  CHECK(equal == 0);
  for (std::int64_t k = 0; k < 10; ++k)
    for (const int i : {0, 2})
      CHECK(layout().view(wide.view(), i).as<double>()[k] ==
            std::sqrt(1.0 / static_cast<double>(layout()[i].fan_in)) *
                normal_at({11, Stream::initialisation, static_cast<std::uint32_t>(i)}, k));
}

// SPDX-License-Identifier: MIT
// C4 of docs/promises.md: loss, gradient and curvature of the cross-entropy keep their relative accuracy for margins from 1 to
// 700.
#include <doctest/doctest.h>

#include "kernels/isa.h"
#include "tests/support/margins.h"

using namespace brink;
using support::Doubles;

namespace {

/// The textbook formulas δ = softmax(f) − e_y, H v = p∘(v − ⟨p, v⟩) and log Σ exp, which the check must reject.
support::Derivatives naive(const reference::Margin& m, Dtype dtype) {
  Doubles f(reference::margin_offsets.begin(), reference::margin_offsets.end()), p, delta, product;
  f[reference::margin_leading] += m.margin;
  support::Derivatives out;
  with_real(dtype, [&]<class T>(T) {
    double sum = 0;
    for (const double x : f) sum += std::exp(x - f[reference::margin_leading]);
    out.loss = std::log(sum);
    T mean = 0;
    for (std::size_t c = 0; c < f.size(); ++c) {
      const T of_class = static_cast<T>(std::exp(f[c] - f[reference::margin_leading]) / sum);
      p.push_back(of_class);
      delta.push_back(of_class - static_cast<T>(c == reference::margin_leading));
      mean += of_class * static_cast<T>(reference::margin_v[c]);
    }
    for (std::size_t c = 0; c < f.size(); ++c)
      product.push_back(static_cast<T>(p[c]) * (static_cast<T>(reference::margin_v[c]) - mean));
  });
  out.gradient.emplace_back("gradient", delta);
  out.product.emplace_back("Hessian product", product);
  return out;
}

}  // namespace

TEST_CASE("C4: loss, gradient, curvature and third derivative at margins from 1 to 700, on every instruction set") {
  const Isa chosen = isa();
  for (const Isa set : available_isas()) {
    set_isa(set);
    CAPTURE(name_of(set));
    for (const std::string& complaint : support::inaccurate_at_margins({})) FAIL_CHECK(complaint);
  }
  set_isa(chosen);
}

TEST_CASE("control: the check rejects softmax minus one-hot, its curvature, and the logarithm of the sum") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    CAPTURE(name_of(dtype));
    const double lost = dtype == Dtype::f32 ? 10 : 20;         // a margin at which half of the digits are lost
    const double underflown = dtype == Dtype::f32 ? 87 : 708;  // a margin at which there are none left to lose
    for (const reference::Margin& m : reference::margins) {
      CAPTURE(m.margin);
      const auto complaint = [&](const support::Derivatives& d) {
        return support::inaccurate(d, m.loss[0], m.gradient[0], m.product, m.third, dtype);
      };
      support::Derivatives d = naive(m, dtype);
      if (m.margin == 1) CHECK(complaint(d) == "");
      if (m.margin < lost) continue;
      CHECK(complaint(d).starts_with("loss"));
      if (m.margin > underflown) continue;
      d.loss = m.loss[0];
      CHECK(complaint(d).starts_with("gradient, element 2"));
      d.gradient.clear();
      CHECK(complaint(d).starts_with("Hessian product, element 2"));
    }
  }
}

TEST_CASE_TEMPLATE("a logit that is NaN or infinite makes the loss not finite and the gradient NaN", T, float, double) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    for (std::size_t c = 0; c < 3; ++c)
      for (const std::int32_t label : {0, 1, 2}) {
        Doubles f{0.5, -1, 0.25};
        f[c] = bad;
        const auto d = support::AtMargins({}, support::logits_alone(3, dtype_of<T>()))(f, label, {1, 0, 0}, {0, 1, 0});
        CHECK_FALSE(std::isfinite(d.loss));
        for (const auto* derivatives : {&d.gradient, &d.product, &d.third})
          for (const auto& named : *derivatives) {
            CAPTURE(named.first);
            CHECK(std::ranges::all_of(named.second, [](double v) { return std::isnan(v); }));
          }
      }
}

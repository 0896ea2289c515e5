// SPDX-License-Identifier: MIT
// Builders for the elementwise primitives, and the derivatives made of them: products and functions of one variable.
#pragma once

#include "autodiff/primitives/rules.h"

namespace brink {

extern const Primitive add_p, sub_p, mul_p, scale_p, relu_p, gate_p, tanh_p, tanh_series_p, one_minus_square_p,
    one_minus_square_series_p, constant_p, cast_p;

struct ScaleAttributes {
  double value = 1;
  auto fields() const { return std::tie(value); }
  std::string describe() const;
};
/// A value in every element of an array of this type.
struct Constant {
  double value = 0;
  std::array<std::int64_t, 5> extent{1, 1, 1, 1, 1};
  int rank = 0;
  Dtype dtype = Dtype::f32;
  auto fields() const { return std::tie(value, extent, rank, dtype); }
  std::string describe() const;
};

/// The element type of a cast's result.
struct CastAttributes {
  Dtype to = Dtype::f64;
  auto fields() const { return std::tie(to); }
  std::string describe() const;
};

/// a + b. Two finished sums over samples of one kind become one sum of both (their chains are joined before any tree); throws
/// std::logic_error if that is impossible.
Var add(Graph&, Var a, Var b);
/// a − b
Var sub(Graph&, Var a, Var b);
/// a · b
Var mul(Graph&, Var a, Var b);
/// a · c
Var scale(Graph&, Var a, double c);
/// max(x, 0); relu′(0) = 0
Var relu(Graph&, Var x);
/// d where y > 0, otherwise 0
Var gate(Graph&, Var y, Var d);
/// tanh(x)
Var tanh(Graph&, Var x);
/// 1 − y²
Var one_minus_square(Graph&, Var y);
/// x in another precision; x itself if it has that one.
Var cast(Graph&, Var x, Dtype to);
/// An array of one value.
Var constant(Graph&, double value, ValueType);

namespace rules {

Vars product_jvp(const JvpContext&);
Vars product_vjp(const VjpContext&);
std::vector<Series> product_series(const SeriesContext&);
/// A product of two operands whose product rule needs two nodes and their sum. `product` is a·b; `first` and `second` are as in
/// bilinear (pairs.h).
constexpr Derivative product(PartialRule product, PartialRule first, PartialRule second) {
  return {.is = OperationClass::bilinear,
          .jvp = product_jvp,
          .vjp = product_vjp,
          .series = product_series,
          .first = first,
          .second = second,
          .product = product};
}

/// The Taylor series of any operation, from its forward rule: k·y_k is the coefficient of order k − 1 of J(x(t)) x'(t), whose own series
/// follows from the operations of that rule.
std::vector<Series> composed_series(const SeriesContext&);

Vars elementwise_jvp(const JvpContext&);
Vars elementwise_vjp(const VjpContext&);
std::vector<Series> elementwise_series(const SeriesContext&);
/// y = f(x) in every element; `slope` is f'(x), made of x (in) and y (out) by primitives. Taylor mode is composed of these too, or
/// uses `expansion`, a primitive made by expansion_of.
constexpr Derivative elementwise(PartialRule slope, const Primitive* expansion = nullptr) {
  return {.is = OperationClass::elementwise,
          .jvp = elementwise_jvp,
          .vjp = elementwise_vjp,
          .series = elementwise_series,
          .first = slope,
          .expansion = expansion};
}

/// The largest order of an expansion.
inline constexpr int expansion_order = 4;
Vars expansion_jvp(const JvpContext&, const Primitive& f);
Vars expansion_vjp(const VjpContext&, const Primitive& f);
std::vector<ValueType> expansion_shape(Types in, const Attributes&);
/// y₁ … y₄ from x, x₁ … x₄, the Taylor coefficients of f(x(t)) in every element. f: an elementwise primitive.
template <const Primitive& f>
constexpr Derivative expansion_of() {
  return own([](const JvpContext& c) { return expansion_jvp(c, f); },
             [](const VjpContext& c) { return expansion_vjp(c, f); }, composed_series);
}

}  // namespace rules
}  // namespace brink

// SPDX-License-Identifier: MIT
// Builders of the elementwise primitives, and the derivatives made of them: products and functions of one variable.
#pragma once

#include "autodiff/primitives/rules.h"

namespace brink {

extern const Primitive add_p, sub_p, mul_p, scale_p, relu_p, gate_p, tanh_p, one_minus_square_p, constant_p;

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
/// An array of one value.
Var constant(Graph&, double value, ValueType);

namespace rules {

Vars product_jvp(const JvpContext&);
Vars product_vjp(const VjpContext&);
/// A product of two operands whose product rule needs two nodes and their sum. `product` is a·b; `first` and `second` are as in
/// bilinear (pairs.h).
constexpr Derivative product(PartialRule product, PartialRule first, PartialRule second) {
  return {.is = OperationClass::bilinear,
          .jvp = product_jvp,
          .vjp = product_vjp,
          .first = first,
          .second = second,
          .product = product};
}

Vars elementwise_jvp(const JvpContext&);
Vars elementwise_vjp(const VjpContext&);
/// y = f(x) in every element; `slope` is f'(x), made of x (in) and y (out) by primitives.
constexpr Derivative elementwise(PartialRule slope) {
  return {.is = OperationClass::elementwise, .jvp = elementwise_jvp, .vjp = elementwise_vjp, .first = slope};
}

}  // namespace rules
}  // namespace brink

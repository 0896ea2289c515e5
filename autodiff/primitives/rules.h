// SPDX-License-Identifier: MIT
// What many primitives share: pieces of shape rules, and the derivatives of operations that are linear, at least in regions.
#pragma once

#include <fmt/format.h>

#include "autodiff/graph.h"

namespace brink {

/// Samples per group of a sum over samples.
struct Group {
  std::int64_t samples = 0;
  auto fields() const { return std::tie(samples); }
  std::string describe() const { return fmt::format("groups of {}", samples); }
};

namespace rules {

using Types = std::span<const ValueType>;

inline std::vector<ValueType> same_as_first(Types in, const Attributes&) { return {in[0]}; }

/// All inputs of one shape and element type.
inline std::vector<ValueType> all_equal(std::string_view name, Types in) {
  for (const ValueType& t : in)
    if (t != in[0])
      throw ShapeError(fmt::format("[{}] {} and {}: expected equal shapes", name, to_string(in[0]), to_string(t)));
  return {in[0]};
}

inline void expect(bool holds, std::string_view name, std::string_view what) {
  if (!holds) throw ShapeError(fmt::format("[{}] {}", name, what));
}

inline std::int64_t no_flops(Types, Types, const Attributes&) { return 0; }
/// n operations per element of the result.
template <int n>
std::int64_t per_element(Types, Types out, const Attributes&) {
  return n * out[0].shape.elements();
}
inline std::int64_t one_per_element(Types in, Types out, const Attributes& a) { return per_element<1>(in, out, a); }

inline std::int64_t group_of(const Attributes& a) { return a.as<Group>().samples; }

using PartialRule = Var (*)(const Partial&);

Vars zero_tangents(const JvpContext&);
Vars zero_cotangents(const VjpContext&);
Vars linear_jvp(const JvpContext&);
Vars linear_vjp(const VjpContext&);
Vars symmetric_jvp(const JvpContext&);
Vars symmetric_vjp(const VjpContext&);

/// The inputs' coefficients of order k; empty if all are zero.
Vars tangents_of_order(const SeriesContext&, int k);
std::vector<Series> zero_series(const SeriesContext&);
/// Of an operation that is linear around every point: each coefficient is the tangent for the inputs' coefficients.
std::vector<Series> linear_series(const SeriesContext&);
/// An operation that is constant almost everywhere: its derivative is zero.
constexpr Derivative piecewise_constant() {
  return {.is = OperationClass::constant, .jvp = zero_tangents, .vjp = zero_cotangents, .series = zero_series};
}
/// An operation of one output that is linear in one input: its tangent is the operation applied to the input's tangent, and
/// `transpose` maps the output's cotangent to the input's.
constexpr Derivative linear(PartialRule transpose, int operand = 0) {
  return {.is = OperationClass::linear,
          .jvp = linear_jvp,
          .vjp = linear_vjp,
          .series = linear_series,
          .first = transpose,
          .operand = operand};
}
/// An operation that is linear in all its inputs together, some of whose tangents may be symbolic zeros.
constexpr Derivative linear_in_all(Vars (*jvp)(const JvpContext&), Vars (*vjp)(const VjpContext&)) {
  return {.is = OperationClass::linear, .jvp = jvp, .vjp = vjp, .series = linear_series};
}
/// An operation of one input that is linear in regions of it.
constexpr Derivative piecewise_linear(Vars (*jvp)(const JvpContext&), Vars (*vjp)(const VjpContext&)) {
  return {.is = OperationClass::piecewise_linear, .jvp = jvp, .vjp = vjp, .series = linear_series};
}
/// The same where the Jacobian is symmetric: `map` takes tangents and cotangents alike.
constexpr Derivative piecewise_linear(PartialRule map) {
  return {.is = OperationClass::piecewise_linear,
          .jvp = symmetric_jvp,
          .vjp = symmetric_vjp,
          .series = linear_series,
          .first = map};
}
/// Any other operation, by rules of its own.
constexpr Derivative own(Vars (*jvp)(const JvpContext&), Vars (*vjp)(const VjpContext&),
                         std::vector<Series> (*series)(const SeriesContext&)) {
  return {.is = OperationClass::own, .jvp = jvp, .vjp = vjp, .series = series};
}

}  // namespace rules
}  // namespace brink

// SPDX-License-Identifier: MIT
// What it is: the few pieces that many primitives share. What it is not: a primitive.
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
/// One operation per element of the result.
inline std::int64_t one_per_element(Types, Types out, const Attributes&) { return out[0].shape.elements(); }

inline std::int64_t group_of(const Attributes& a) { return a.as<Group>().samples; }

/// The rule of a function that is constant almost everywhere.
inline Vars zero_tangent(const JvpContext& c) { return Vars(c.out.size()); }
inline Vars zero_cotangent(const VjpContext& c) { return Vars(c.in.size()); }

}  // namespace rules
}  // namespace brink

// SPDX-License-Identifier: MIT
#include "autodiff/primitives/rules.h"

#include <algorithm>

namespace brink::rules {

Vars zero_tangents(const JvpContext& c) { return Vars(c.out.size()); }
Vars zero_cotangents(const VjpContext& c) { return Vars(c.in.size()); }

Vars linear_jvp(const JvpContext& c) {
  const auto operand = static_cast<std::size_t>(c.primitive.derivative.operand);
  if (!c.tangent[operand]) return {Var{}};
  Vars in(c.in.begin(), c.in.end());
  in[operand] = c.tangent[operand];
  return c.g.emit_all(c.primitive, in, c.attributes);
}
Vars linear_vjp(const VjpContext& c) {
  const Derivative& rule = c.primitive.derivative;
  Vars out(c.in.size());
  out[static_cast<std::size_t>(rule.operand)] = rule.first({c.g, c.in, c.out, c.cotangent[0], {}, {}, c.attributes});
  return out;
}

Vars symmetric_jvp(const JvpContext& c) {
  return {c.primitive.derivative.first({c.g, c.in, c.out, c.tangent[0], {}, {}, c.attributes})};
}
Vars symmetric_vjp(const VjpContext& c) {
  return {c.primitive.derivative.first({c.g, c.in, c.out, c.cotangent[0], {}, {}, c.attributes})};
}

std::vector<Series> zero_series(const SeriesContext& c) { return std::vector<Series>(c.out.size()); }

Vars tangents_of_order(const SeriesContext& c, int k) {
  Vars out;
  for (const Series& s : c.series) out.push_back(coefficient({}, s, k));
  if (std::ranges::none_of(out, [](Var v) { return static_cast<bool>(v); })) out.clear();
  return out;
}

std::vector<Series> linear_series(const SeriesContext& c) {
  std::vector<Series> out(c.out.size(), Series(static_cast<std::size_t>(c.order)));
  for (int k = 1; k <= c.order; ++k) {
    const Vars tangents = tangents_of_order(c, k);
    if (tangents.empty()) continue;
    const Vars y = c.primitive.derivative.jvp({c.g, c.in, c.out, tangents, c.attributes, c.primitive});
    for (std::size_t o = 0; o < y.size(); ++o) out[o][static_cast<std::size_t>(k) - 1] = y[o];
  }
  return out;
}

}  // namespace brink::rules

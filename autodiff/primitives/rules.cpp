// SPDX-License-Identifier: MIT
#include "autodiff/primitives/rules.h"

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

}  // namespace brink::rules

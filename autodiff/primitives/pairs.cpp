// SPDX-License-Identifier: MIT
#include "autodiff/primitives/pairs.h"

namespace brink::rules {

Vars bilinear_jvp(const JvpContext& c) {
  const Vars in = operands(product_rule(c));
  return in.empty() ? Vars{Var{}} : c.g.emit_all(c.primitive, in, c.attributes);
}

Vars bilinear_vjp(const VjpContext& c) {
  const Derivative& rule = c.primitive.derivative;
  Vars out;
  for (std::size_t i = 0; i + 1 < c.in.size(); i += 2) {
    const Partial p{c.g, c.in, c.out, c.cotangent[0], c.in[i], c.in[i + 1], c.attributes};
    out.push_back(rule.first(p));
    out.push_back(rule.second(p));
  }
  return out;
}

std::vector<Series> bilinear_series(const SeriesContext& c) {
  Series out;
  for (int k = 1; k <= c.order; ++k) {
    const Vars in = operands(product_rule(c, k));
    out.push_back(in.empty() ? Var{} : c.g.emit_all(c.primitive, in, c.attributes)[0]);
  }
  return {out};
}

Var join_chains(Graph& g, const Node& a, const Node& b) {
  Vars in = a.in;
  in.insert(in.end(), b.in.begin(), b.in.end());
  return g.emit_all(*a.primitive, in, a.attributes)[0];
}

}  // namespace brink::rules

// SPDX-License-Identifier: MIT
// Shared by all primitives that are sums of products: factor pairs and their product rule.
// A primitive takes any number of pairs, so that the product rule gives one node (dense.cpp).
#pragma once

#include <vector>

#include "autodiff/primitives/rules.h"
#include "kernels/matmul/matmul.h"

namespace brink {

/// Two factors of one product in a chain.
struct Factors {
  Var a, b;
};

namespace rules {

/// (Σ aᵢbᵢ)' = Σ aᵢ'bᵢ + aᵢbᵢ'
inline std::vector<Factors> product_rule(const JvpContext& c) {
  std::vector<Factors> out;
  for (std::size_t i = 0; i + 1 < c.in.size(); i += 2) {
    out.push_back({c.tangent[i], c.in[i + 1]});
    out.push_back({c.in[i], c.tangent[i + 1]});
  }
  return out;
}

/// The coefficient of order k of Σ ab: Σ_{i+j=k} a_i b_j for every pair.
inline std::vector<Factors> product_rule(const SeriesContext& c, int k) {
  std::vector<Factors> out;
  for (std::size_t p = 0; p + 1 < c.in.size(); p += 2)
    for (int i = 0; i <= k; ++i) out.push_back({c.of(p, i), c.of(p + 1, k - i)});
  return out;
}

/// (ab)' = a'b + ab' for every pair of a chain, in one node.
Vars bilinear_jvp(const JvpContext&);
Vars bilinear_vjp(const VjpContext&);
std::vector<Series> bilinear_series(const SeriesContext&);
/// A sum of products of factor pairs, in one chain per element. `first` maps the result's cotangent d and the factor b to the
/// cotangent of a, `second` maps d and a to that of b.
constexpr Derivative bilinear(PartialRule first, PartialRule second) {
  return {.is = OperationClass::bilinear,
          .jvp = bilinear_jvp,
          .vjp = bilinear_vjp,
          .series = bilinear_series,
          .first = first,
          .second = second};
}
/// Joins two finished sums over samples by making one chain of both (Primitive::join).
Var join_chains(Graph&, const Node&, const Node&);

/// a₁, b₁, a₂, b₂, …; pairs with a symbolic zero are left out.
inline Vars operands(const std::vector<Factors>& factors) {
  Vars in;
  for (const Factors& f : factors)
    if (f.a && f.b) {
      in.push_back(f.a);
      in.push_back(f.b);
    }
  return in;
}

/// Throws ShapeError for more pairs than fit into the kernels' arrays of factors.
inline void expect_pairs(std::string_view name, Types in) {
  expect(in.size() <= 2 * max_factor_pairs, name,
         fmt::format("{} factor pairs in one chain: expected at most {}", in.size() / 2, max_factor_pairs));
}

}  // namespace rules
}  // namespace brink

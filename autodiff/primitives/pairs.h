// SPDX-License-Identifier: MIT
// What it is: what the primitives that are sums of products share: factor pairs, their product rule, their number.
// What it is not: a primitive. Decision: a primitive takes any number of pairs, so that the product rule gives one node (dense.cpp).
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

/// a₁, b₁, a₂, b₂, …; pairs with a symbolic zero are left out.
inline Vars flatten(const std::vector<Factors>& factors) {
  Vars in;
  for (const Factors& f : factors)
    if (f.a && f.b) {
      in.push_back(f.a);
      in.push_back(f.b);
    }
  return in;
}

/// The kernels hold their factors in arrays of fixed length.
inline void expect_pairs(std::string_view name, Types in) {
  expect(in.size() <= 2 * max_factor_pairs, name,
         fmt::format("{} factor pairs in one chain: expected at most {}", in.size() / 2, max_factor_pairs));
}

}  // namespace rules
}  // namespace brink

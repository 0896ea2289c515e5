// SPDX-License-Identifier: MIT
// GhostBatchNorm and the sums over ghost groups, each with its shape rule, derivatives and kernel.
// γ and β belong to the normalisation, because their gradients need the sums Σy̅ and Σx̂∘y̅ of each group, which the gradient
// of x needs too: two sums and one pass backwards, one pass forwards.
#include "autodiff/primitives/norm.h"

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/rules.h"
#include "kernels/matmul/matmul.h"
#include "kernels/norm/norm.h"

namespace brink {

std::string NormAttributes::describe() const { return fmt::format("groups of {}, epsilon {}", group, epsilon); }
std::string GroupedShape::describe() const { return fmt::format("groups of {}", group); }
std::string GroupWeights::describe() const {
  return fmt::format("{} groups of {}", divide ? "over the values of" : "times the samples of", group);
}

namespace {

using rules::group_of;

ValueType statistics_of(const ValueType& x, std::int64_t group) {
  const GroupedRows rows(x.shape, group);
  return {{rows.groups(), rows.channels}, x.dtype};
}

void expect_rows(std::string_view name, const ValueType& x, std::int64_t group) {
  rules::expect(x.shape.rank >= 2 && x.shape.elements() > 0, name,
                to_string(x) + ": expected samples, pixels and channels");
  rules::expect(group >= 1, name, fmt::format("groups of {}: expected at least one sample", group));
}

std::int64_t scratch_of(rules::Types in, std::int64_t group, Where where) {
  return norm_scratch_bytes(where, in[0].shape, group);
}

}  // namespace

// The Taylor series of a power of 1 + q(t): Σ c_j q(t)^j, c the coefficients of (1 + q)^a.
namespace {
Series power_series(Graph& g, const Series& q, const std::array<double, 4>& c, int order) {
  const auto of = [&](int k) { return coefficient({}, q, k); };
  Series power{q.begin(), q.end()}, out;  // q^j, of which the coefficients begin at order j
  power.resize(static_cast<std::size_t>(order));
  out.resize(static_cast<std::size_t>(order));
  for (int j = 1; j <= order; ++j) {
    for (int k = j; k <= order; ++k) {
      Var& sum = out[static_cast<std::size_t>(k) - 1];
      sum = add(g, sum, scale(g, coefficient({}, power, k), c[static_cast<std::size_t>(j) - 1]));
    }
    Series next(static_cast<std::size_t>(order));
    for (int k = j + 1; k <= order; ++k)
      for (int i = 1; i <= k - j; ++i)
        next[static_cast<std::size_t>(k) - 1] =
            add(g, next[static_cast<std::size_t>(k) - 1], mul(g, of(i), coefficient({}, power, k - i)));
    power = next;
  }
  return out;
}
constexpr std::array<double, 4> inverse_root{-0.5, 0.375, -0.3125, 0.2734375}, root{0.5, -0.125, 0.0625, -0.0390625};
}  // namespace

// x̂ = (x − μ)∘s, s = 1/σ, σ² = mean (x − μ)² + ε, y = γ∘x̂ + β, all within a group.  With m₁ = mean t and m₂ = mean x̂∘t:
//   x̂' = s∘(t − m₁ − x̂∘m₂),  s' = −s²∘m₂,  μ' = m₁,  σ' = m₂   for t = x';  y' = γ∘x̂' + γ'∘x̂ + β'.
// t ↦ x̂' is symmetric, so the cotangent of x is the same map of γ∘y̅ + x̂̅, and with the other outputs' cotangents, n values a group:
//   x̅ = s∘γ∘y̅ + s∘x̂̅ + x̂∘(σ̅/n − s²∘s̅/n − s∘m₂) + μ̅/n − s∘m₁,  m of γ∘y̅ + x̂̅;   γ̅ = Σ x̂∘y̅,  β̅ = Σ y̅.
const Primitive ghost_norm_p{
    .name = "ghost_norm",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      const std::int64_t group = a.as<NormAttributes>().group;
      expect_rows("ghost_norm", in[0], group);
      const ValueType row{{in[0].shape[in[0].shape.rank - 1]}, in[0].dtype}, statistics = statistics_of(in[0], group);
      rules::expect(in[1] == row && in[2] == row, "ghost_norm",
                    fmt::format("x {}, gamma {}, beta {}: expected one gamma and beta per channel", to_string(in[0]),
                                to_string(in[1]), to_string(in[2])));
      const GroupedRows rows(in[0].shape, group);
      const std::int64_t fewest = rows.rows_of(rows.groups() - 1);
      rules::expect(fewest >= 2, "ghost_norm",
                    fmt::format("x {} in groups of {} samples: the last group has {} value for each channel, expected "
                                "at least 2",
                                to_string(in[0]), group, fewest));
      return {in[0], in[0], statistics, statistics, statistics};
    },
    .derivative = rules::own(
        [](const JvpContext& c) -> Vars {
          Graph& g = c.g;
          const std::int64_t group = c.attributes.as<NormAttributes>().group;
          const Var x = c.in[0], t = c.tangent[0], hat = c.out[1], s = c.out[2];
          Var hat_t, s_t, m1, m2;
          if (t) {
            m1 = over_values(g, group_sum(g, t, group), x, group);           // [G,C]
            m2 = over_values(g, group_dot(g, {{hat, t}}, group), x, group);  // [G,C]
            const Var minus_s = scale(g, s, -1), minus_s_m2 = mul(g, minus_s, m2);
            hat_t = group_affine(g, {{t, s}, {hat, minus_s_m2}}, mul(g, minus_s, m1), x, group);  // as x
            s_t = mul(g, s, minus_s_m2);
          }
          const auto wide = [&](Var row) { return broadcast_groups(g, row, x, group); };  // [G,C]
          const Var y_t =
              group_affine(g, {{hat_t, wide(c.in[1])}, {hat, wide(c.tangent[1])}}, wide(c.tangent[2]), x, group);
          return {y_t, hat_t, s_t, m1, m2};
        },
        [](const VjpContext& c) -> Vars {
          Graph& g = c.g;
          const std::int64_t group = c.attributes.as<NormAttributes>().group;
          const Var x = c.in[0], hat = c.out[1], s = c.out[2];
          const auto [y_bar, hat_bar, s_bar, mean_bar, deviation_bar] =
              std::array{c.cotangent[0], c.cotangent[1], c.cotangent[2], c.cotangent[3], c.cotangent[4]};
          const auto over = [&](Var r) { return over_values(g, r, x, group); };
          const Var gamma = broadcast_groups(g, c.in[1], x, group), minus_s = scale(g, s, -1);     // [G,C]
          const Var sum = group_sum(g, y_bar, group), dot = group_dot(g, {{hat, y_bar}}, group);   // [G,C]
          const Var m1 = over(add(g, mul(g, gamma, sum), group_sum(g, hat_bar, group)));           // [G,C]
          const Var m2 = over(add(g, mul(g, gamma, dot), group_dot(g, {{hat, hat_bar}}, group)));  // [G,C]
          const Var s_part = mul(g, mul(g, s, minus_s), s_bar);                                    // −s²∘s̅
          const Var q = add(g, mul(g, minus_s, m2), over(add(g, s_part, deviation_bar)));
          const Var b = add(g, mul(g, minus_s, m1), over(mean_bar));
          return {group_affine(g, {{y_bar, mul(g, gamma, s)}, {hat_bar, s}, {hat, q}}, b, x, group), sum_groups(g, dot),
                  sum_groups(g, sum)};
        },
        // With e_k = s∘(x_k − mean x_k), e_0 = x̂, the variance plus ε is σ²(1 + q(t)), q_k = mean Σ_{i+j=k} e_i∘e_j. So for
        // r = (1 + q)^(−½):  x̂(t) = e(t)∘r(t), s(t) = s∘r(t), σ(t) = σ∘(1 + q(t))^½, y(t) = e(t)∘(r(t)∘γ(t)) + β(t).
        [](const SeriesContext& c) -> std::vector<Series> {
          Graph& g = c.g;
          const std::int64_t group = c.attributes.as<NormAttributes>().group;
          const Var x = c.in[0], hat = c.out[1], s = c.out[2], minus_s = scale(g, s, -1);
          const auto wide = [&](Var row) { return broadcast_groups(g, row, x, group); };  // [G,C]
          Series mean, e, q;
          for (int k = 1; k <= c.order; ++k) {
            const Var x_k = coefficient({}, c.series[0], k), m = over_values(g, group_sum(g, x_k, group), x, group);
            mean.push_back(m);
            e.push_back(x_k ? group_affine(g, {{x_k, s}}, mul(g, minus_s, m), x, group) : Var{});
          }
          const auto e_of = [&](int k) { return coefficient(hat, e, k); };
          for (int k = 1; k <= c.order; ++k) {
            std::vector<Factors> pairs;
            for (int i = 0; 2 * i < k; ++i) pairs.push_back({e_of(i), e_of(k - i)});
            Var sum = scale(g, group_dot(g, pairs, group), 2);
            if (k % 2 == 0) sum = add(g, sum, group_dot(g, {{e_of(k / 2), e_of(k / 2)}}, group));
            q.push_back(over_values(g, sum, x, group));
          }
          const Series r = power_series(g, q, inverse_root, c.order), r_up = power_series(g, q, root, c.order);
          std::vector<Series> out(5);
          Series factor;  // r(t)∘γ(t)
          for (int k = 1; k <= c.order; ++k) {
            const Var r_k = coefficient({}, r, k);
            Var sum = mul(g, r_k, wide(c.in[1]));
            for (int i = 1; i < k; ++i) sum = add(g, sum, mul(g, coefficient({}, r, i), wide(c.of(1, k - i))));
            factor.push_back(add(g, sum, wide(coefficient({}, c.series[1], k))));
            std::vector<Factors> of_y, of_hat;
            for (int i = 0; i < k; ++i) {
              of_y.push_back({e_of(k - i), i == 0 ? wide(c.in[1]) : coefficient({}, factor, i)});
              if (i > 0) of_hat.push_back({e_of(k - i), coefficient({}, r, i)});
            }
            of_y.push_back({hat, factor.back()});
            of_hat.push_back({hat, r_k});
            out[0].push_back(group_affine(g, of_y, wide(coefficient({}, c.series[2], k)), x, group));
            const Var more = r_k ? group_affine(g, of_hat, {}, x, group) : Var{};
            out[1].push_back(add(g, coefficient({}, e, k), more));
            out[2].push_back(mul(g, s, r_k));
            out[3].push_back(coefficient({}, mean, k));
            out[4].push_back(mul(g, c.out[4], coefficient({}, r_up, k)));
          }
          return out;
        }),
    .run =
        [](Device& d, const Call& c) {
          const auto& a = c.attributes.as<NormAttributes>();
          ghost_norm(d, c.out, c.in[0], c.in[1], c.in[2], a.group, a.epsilon, c.scratch, c.epilogue);
        },
    .flops = [](rules::Types in, rules::Types, const Attributes&) { return 8 * in[0].shape.elements(); },
    .scratch = [](rules::Types in, rules::Types, const Attributes& a,
                  Where where) { return scratch_of(in, a.as<NormAttributes>().group, where); },
    .finishes = true,
};
GhostNorm ghost_norm(Graph& g, Var x, Var gamma, Var beta, std::int64_t group, double epsilon) {
  const Var in[] = {x, gamma, beta};
  const Vars out = g.emit_all(ghost_norm_p, in, NormAttributes{group, epsilon});
  return {out[0], out[1], out[2], out[3], out[4]};
}

// r_g = Σ x over the rows of g.  r' = Σ x';  x̅ = r̅ in all rows.
const Primitive group_sum_p{
    .name = "group_sum",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      expect_rows("group_sum", in[0], group_of(a));
      return {statistics_of(in[0], group_of(a))};
    },
    .derivative =
        rules::linear([](const Partial& c) { return group_broadcast(c.g, c.d, c.in[0], group_of(c.attributes)); }),
    .run = [](Device& d, const Call& c) { group_sum(d, c.out[0], c.in[0], group_of(c.attributes), c.scratch); },
    .flops = [](rules::Types in, rules::Types, const Attributes&) { return in[0].shape.elements(); },
    .scratch = [](rules::Types in, rules::Types, const Attributes& a,
                  Where where) { return scratch_of(in, group_of(a), where); },
};
Var group_sum(Graph& g, Var x, std::int64_t group) { return x ? g.emit(group_sum_p, {x}, Group{group}) : Var{}; }

// r_g = Σᵢ Σ aᵢ∘bᵢ.  r' = Σᵢ Σ aᵢ'∘bᵢ + aᵢ∘bᵢ';  a̅ᵢ = bᵢ∘r̅, b̅ᵢ = aᵢ∘r̅.
const Primitive group_dot_p{
    .name = "group_dot",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      expect_rows("group_dot", in[0], group_of(a));
      rules::expect_pairs("group_dot", in);
      rules::all_equal("group_dot", in);
      return {statistics_of(in[0], group_of(a))};
    },
    .derivative = rules::bilinear(
        [](const Partial& c) {
          return group_affine(c.g, {{c.b, c.d}}, {}, c.b, group_of(c.attributes));
        },
        [](const Partial& c) {
          return group_affine(c.g, {{c.a, c.d}}, {}, c.a, group_of(c.attributes));
        }),
    .run = [](Device& d, const Call& c) { group_dot(d, c.out[0], c.in, group_of(c.attributes), c.scratch); },
    .flops = [](rules::Types in, rules::Types,
                const Attributes&) { return static_cast<std::int64_t>(in.size()) * in[0].shape.elements(); },
    .scratch = [](rules::Types in, rules::Types, const Attributes& a,
                  Where where) { return scratch_of(in, group_of(a), where); },
};
Var group_dot(Graph& g, const std::vector<Factors>& factors, std::int64_t group) {
  const Vars in = rules::operands(factors);
  return in.empty() ? Var{} : g.emit_all(group_dot_p, in, Group{group})[0];
}

// y = Σᵢ xᵢ∘rᵢ + b.  y' = Σᵢ xᵢ'∘rᵢ + xᵢ∘rᵢ' + b';  x̅ᵢ = y̅∘rᵢ, r̅ᵢ = Σ xᵢ∘y̅ and b̅ = Σ y̅ over the rows of the group.
const Primitive group_affine_p{
    .name = "group_affine",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      expect_rows("group_affine", in[0], group_of(a));
      rules::expect_pairs("group_affine", in);
      const ValueType statistics = statistics_of(in[0], group_of(a));
      for (std::size_t i = 0; i < in.size(); ++i) {
        const bool rows = i % 2 == 0 && i + 1 < in.size();
        rules::expect(
            in[i] == (rows ? in[0] : statistics), "group_affine",
            fmt::format("operand {} {}: expected {}", i, to_string(in[i]), to_string(rows ? in[0] : statistics)));
      }
      return {in[0]};
    },
    .derivative = rules::own(
        [](const JvpContext& c) -> Vars {
          const Var b = c.in.size() % 2 == 1 ? c.tangent.back() : Var{};
          return {group_affine(c.g, rules::product_rule(c), b, c.out[0], group_of(c.attributes))};
        },
        [](const VjpContext& c) -> Vars {
          const std::int64_t group = group_of(c.attributes);
          const Var d = c.cotangent[0];
          Vars out;
          for (std::size_t i = 0; i + 1 < c.in.size(); i += 2) {
            out.push_back(group_affine(c.g, {{d, c.in[i + 1]}}, {}, d, group));
            out.push_back(group_dot(c.g, {{c.in[i], d}}, group));
          }
          if (c.in.size() % 2 == 1) out.push_back(group_sum(c.g, d, group));
          return out;
        },
        [](const SeriesContext& c) -> std::vector<Series> {
          Series out;
          for (int k = 1; k <= c.order; ++k) {
            const Var b = c.in.size() % 2 == 1 ? coefficient({}, c.series.back(), k) : Var{};
            out.push_back(group_affine(c.g, rules::product_rule(c, k), b, c.out[0], group_of(c.attributes)));
          }
          return {out};
        }),
    .run = [](Device& d, const Call& c) { group_affine(d, c.out[0], c.in, group_of(c.attributes), c.epilogue); },
    .flops = [](rules::Types in, rules::Types out,
                const Attributes&) { return static_cast<std::int64_t>(in.size()) * out[0].shape.elements(); },
    .finishes = true,
};
Var group_affine(Graph& g, const std::vector<Factors>& x_and_r, Var b, Var like, std::int64_t group) {
  Vars in = rules::operands(x_and_r);
  if (in.empty()) return group_broadcast(g, b, like, group);
  if (b) in.push_back(b);
  return g.emit_all(group_affine_p, in, Group{group})[0];
}

// y = r in all rows of its group.  y' = r' likewise;  r̅ = Σ y̅ over the rows of the group.
const Primitive group_broadcast_p{
    .name = "group_broadcast",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      const auto& to = a.as<GroupedShape>();
      ValueType out;
      out.dtype = in[0].dtype;
      out.shape.extent = to.extent;
      out.shape.rank = to.rank;
      expect_rows("group_broadcast", out, to.group);
      rules::expect(in[0] == statistics_of(out, to.group), "group_broadcast",
                    fmt::format("r {}: expected {} for {} in groups of {}", to_string(in[0]),
                                to_string(statistics_of(out, to.group)), to_string(out), to.group));
      return {out};
    },
    .derivative =
        rules::linear([](const Partial& c) { return group_sum(c.g, c.d, c.attributes.as<GroupedShape>().group); }),
    .run = [](Device& d,
              const Call& c) { group_broadcast(d, c.out[0], c.in[0], c.attributes.as<GroupedShape>().group); },
    .flops = rules::no_flops,
};
Var group_broadcast(Graph& g, Var r, Var like, std::int64_t group) {
  if (!r) return {};
  const Shape shape = g.shape(like);
  return g.emit(group_broadcast_p, {r}, GroupedShape{group, shape.extent, shape.rank});
}

// q_g = w_g·r_g with weights that the batch fixes.  q' = w∘r';  r̅ = w∘q̅.
namespace {
Var weigh(Graph& g, Var r, const GroupWeights& w) { return r ? g.emit(weigh_groups_p, {r}, w) : Var{}; }
Var weigh(Graph& g, Var r, Var like, std::int64_t group, bool divide) {
  const GroupedRows rows(g.shape(like), group);
  return weigh(g, r, {rows.samples, group, divide ? rows.pixels : 1, divide});
}
}  // namespace
const Primitive weigh_groups_p{
    .name = "weigh_groups",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      const auto& w = a.as<GroupWeights>();
      const std::int64_t groups = (w.samples + w.group - 1) / w.group;
      rules::expect(in[0].shape.rank == 2 && in[0].shape[0] == groups, "weigh_groups",
                    fmt::format("{}: expected a row for each of {} groups", to_string(in[0]), groups));
      return {in[0]};
    },
    .derivative = rules::linear([](const Partial& c) { return weigh(c.g, c.d, c.attributes.as<GroupWeights>()); }),
    .run =
        [](Device& d, const Call& c) {
          const auto& w = c.attributes.as<GroupWeights>();
          weigh_groups(d, c.out[0], c.in[0], w.samples, w.group, w.pixels, w.divide);
        },
    .flops = rules::one_per_element,
};
Var over_values(Graph& g, Var r, Var like, std::int64_t group) { return weigh(g, r, like, group, true); }
Var times_samples(Graph& g, Var r, Var like, std::int64_t group) { return weigh(g, r, like, group, false); }

Var sum_groups(Graph& g, Var r) { return sum_samples(g, r, 1); }
Var broadcast_groups(Graph& g, Var v, Var like, std::int64_t group) {
  return v ? broadcast_row(g, v, GroupedRows(g.shape(like), group).groups(), 1) : Var{};
}

}  // namespace brink

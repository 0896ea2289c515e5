// SPDX-License-Identifier: MIT
// The losses, each with its shape rule, derivatives and kernel.
#include "autodiff/primitives/losses.h"

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/rules.h"
#include "kernels/broadcast/broadcast.h"
#include "kernels/index/index.h"
#include "kernels/loss/loss.h"
#include "kernels/matmul/matmul.h"

namespace brink {

namespace {
using rules::group_of;

const ValueType scalar64{Shape{}, Dtype::f64};

void expect_logits(std::string_view name, const ValueType& f, const ValueType& labels) {
  rules::expect(f.shape.rank == 2 && labels.shape == Shape{f.shape[0]} && labels.dtype == Dtype::i32, name,
                fmt::format("logits {}, labels {}: expected one int32 label per row", to_string(f), to_string(labels)));
}
}  // namespace

// p(t) = softmax f(t), whose derivative is p∘u with u = d' − ⟨p, d'⟩ and d = f − f_l, l the class of the largest p:
//   m·p_m = Σ_{j<m} p_j∘u_{m−1−j},  u_i = (i+1)·d_{i+1} − Σ_{j≤i} (i−j+1)·⟨p_j, d_{i−j+1}⟩.
// Class l adds nothing to a mean, so nothing cancels where p_l is almost 1, at any order.
namespace {
struct SoftmaxSeries {
  Series d, p;
};
/// The coefficients of d up to `order`, and of p up to `p_order` < `order` or equal.
SoftmaxSeries softmax_series(Graph& g, Var p, const Series& f, int order, int p_order) {
  SoftmaxSeries out;
  for (int k = 1; k <= order; ++k) out.d.push_back(minus_leading(g, coefficient({}, f, k), p));
  const auto slope = [&](int i) { return scale(g, coefficient({}, out.d, i + 1), i + 1); };  // d'_i
  Vars u;
  for (int m = 1; m <= p_order; ++m) {
    Var mean;  // [S,1]
    for (int j = 0; j < m; ++j) {
      const Var p_j = coefficient(p, out.p, j), s = slope(m - 1 - j);
      if (p_j && s) mean = add(g, mean, sum_columns(g, mul(g, p_j, s)));
    }
    u.push_back(sub(g, slope(m - 1), broadcast_column(g, mean, g.shape(p)[1])));
    Var sum;  // [S,C]
    for (int j = 0; j < m; ++j)
      sum = add(g, sum, mul(g, coefficient(p, out.p, j), u[static_cast<std::size_t>(m - 1 - j)]));
    out.p.push_back(scale(g, sum, 1.0 / m));
  }
  return out;
}
}  // namespace

// ℓ = Σ_s log Σ_c exp f_sc − f_sy.  δ = softmax(f) − e_y;  ℓ' = ⟨δ, f'⟩;  f̅ = ℓ̅·δ.
const Primitive cross_entropy_p{
    .name = "cross_entropy",
    .shape = [](rules::Types in, const Attributes&) -> std::vector<ValueType> {
      expect_logits("cross_entropy", in[0], in[1]);
      return {scalar64};
    },
    .derivative = rules::own(
        [](const JvpContext& c) -> Vars {
          return {sample_dot(c.g, {{cross_entropy_gradient(c.g, c.in[0], c.in[1]).delta, c.tangent[0]}},
                             group_of(c.attributes))};
        },
        [](const VjpContext& c) -> Vars {
          const Var delta = cross_entropy_gradient(c.g, c.in[0], c.in[1]).delta;
          return {scale_by(c.g, c.cotangent[0], delta, group_of(c.attributes)), Var{}};
        },
        // k·ℓ_k = Σ_{j=1…k} j·⟨δ_{k−j}, d_j⟩, δ_i = p_i for i ≥ 1; ⟨δ_i, f_j⟩ = ⟨δ_i, d_j⟩, as Σ_c δ_ic = 0.
        [](const SeriesContext& c) -> std::vector<Series> {
          const auto [delta, p] = cross_entropy_gradient(c.g, c.in[0], c.in[1]);
          const SoftmaxSeries s = softmax_series(c.g, p, c.series[0], c.order, c.order - 1);
          Series out;
          for (int k = 1; k <= c.order; ++k) {
            std::vector<Factors> pairs;
            for (int j = 1; j <= k; ++j)
              pairs.push_back(
                  {coefficient(delta, s.p, k - j), scale(c.g, coefficient({}, s.d, j), static_cast<double>(j) / k)});
            out.push_back(sample_dot(c.g, pairs, group_of(c.attributes)));
          }
          return {out};
        }),
    .run = [](Device& d, const Call& c) { cross_entropy(d, c.out[0], c.in[0], c.in[1], group_of(c.attributes)); },
    .flops = [](rules::Types in, rules::Types, const Attributes&) { return 3 * in[0].shape.elements(); },
    .sums_samples = true,
};
Var cross_entropy(Graph& g, Var f, Var labels, std::int64_t group) {
  return g.emit(cross_entropy_p, {f, labels}, Group{group});
}

// p = softmax f, δ = p − e_y.  δ' = p' = p∘(d − ⟨p, d⟩), d = f' − f'_l;  f̅ is the same of δ̅ + p̅: the Jacobian is symmetric.
// l is the class of the largest p. Without subtracting f'_l the derivative is the same except for rounding, but where p_l is
// almost 1, f'_l − ⟨p, f'⟩ cancels. Here class l adds nothing to the mean, and each factor keeps its relative accuracy, at
// every order.
namespace {
Var softmax_product(Graph& g, Var p, Var t) {
  const Var d = minus_leading(g, t, p);
  const Var mean = sum_columns(g, mul(g, p, d));                          // [S,1]
  return mul(g, p, sub(g, d, broadcast_column(g, mean, g.shape(p)[1])));  // [S,C]
}
}  // namespace
const Primitive cross_entropy_gradient_p{
    .name = "cross_entropy_gradient",
    .shape = [](rules::Types in, const Attributes&) -> std::vector<ValueType> {
      expect_logits("cross_entropy_gradient", in[0], in[1]);
      return {in[0], in[0]};
    },
    .derivative =
        rules::own([](const JvpContext& c) -> Vars { return Vars(2, softmax_product(c.g, c.out[1], c.tangent[0])); },
                   [](const VjpContext& c) -> Vars {
                     return {softmax_product(c.g, c.out[1], add(c.g, c.cotangent[0], c.cotangent[1])), Var{}};
                   },
                   [](const SeriesContext& c) -> std::vector<Series> {
                     return std::vector<Series>(2, softmax_series(c.g, c.out[1], c.series[0], c.order, c.order).p);
                   }),
    .run = [](Device& d, const Call& c) { cross_entropy_gradient(d, c.out[0], c.out[1], c.in[0], c.in[1]); },
    .flops = [](rules::Types in, rules::Types, const Attributes&) { return 5 * in[0].shape.elements(); },
};
CrossEntropyGradient cross_entropy_gradient(Graph& g, Var f, Var labels) {
  const Vars out = g.emit_all(cross_entropy_gradient_p, Vars{f, labels});
  return {out[0], out[1]};
}

namespace {
std::vector<ValueType> rows_and_probabilities(std::string_view name, rules::Types in) {
  rules::expect(in[0].shape.rank == 2, name, to_string(in[0]) + ": expected one row per sample");
  return rules::all_equal(name, in);
}
}  // namespace

// y = x − x_l, linear in x; l is piecewise constant in p.  y' = x' − x'_l;  x̅ = y̅, but x̅_l = −Σ_{c≠l} y̅_c.
const Primitive minus_leading_p{
    .name = "minus_leading",
    .shape = [](rules::Types in, const Attributes&) { return rows_and_probabilities("minus_leading", in); },
    .derivative = rules::linear([](const Partial& c) { return balance_leading(c.g, c.d, c.in[1]); }),
    .run = [](Device& d, const Call& c) { minus_leading(d, c.out[0], c.in[0], c.in[1]); },
    .flops = rules::one_per_element,
};
Var minus_leading(Graph& g, Var x, Var p) { return x ? g.emit(minus_leading_p, {x, p}) : Var{}; }

// y = x, but y_l = −Σ_{c≠l} x_c: the transpose of minus_leading, and it of this.
const Primitive balance_leading_p{
    .name = "balance_leading",
    .shape = [](rules::Types in, const Attributes&) { return rows_and_probabilities("balance_leading", in); },
    .derivative = rules::linear([](const Partial& c) { return minus_leading(c.g, c.d, c.in[1]); }),
    .run = [](Device& d, const Call& c) { balance_leading(d, c.out[0], c.in[0], c.in[1]); },
    .flops = rules::one_per_element,
};
Var balance_leading(Graph& g, Var x, Var p) { return x ? g.emit(balance_leading_p, {x, p}) : Var{}; }

// t = e_y.  t' = 0.
const Primitive one_hot_p{
    .name = "one_hot",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      const auto& c = a.as<Constant>();
      rules::expect(in[0].shape.rank == 1 && in[0].dtype == Dtype::i32, "one_hot",
                    to_string(in[0]) + ": expected int32 labels");
      return {{{in[0].shape[0], c.extent[1]}, c.dtype}};
    },
    .derivative = rules::piecewise_constant(),
    .run = [](Device& d, const Call& c) { one_hot(d, c.out[0], c.in[0]); },
    .flops = rules::no_flops,
};
Var one_hot(Graph& g, Var labels, ValueType like) {
  return g.emit(one_hot_p, {labels}, Constant{1, like.shape.extent, like.shape.rank, like.dtype});
}

// ℓ = ½ Σ_s ‖d_s‖².  ℓ' = ⟨d, d'⟩;  d̅ = ℓ̅·d.
const Primitive half_sum_of_squares_p{
    .name = "half_sum_of_squares",
    .shape = [](rules::Types in, const Attributes&) -> std::vector<ValueType> {
      rules::expect(in[0].shape.rank == 2, "half_sum_of_squares", to_string(in[0]) + ": expected one row per sample");
      return {scalar64};
    },
    .derivative = rules::own(
        [](const JvpContext& c) -> Vars {
          return {sample_dot(c.g, {{c.in[0], c.tangent[0]}}, group_of(c.attributes))};
        },
        [](const VjpContext& c) -> Vars { return {scale_by(c.g, c.cotangent[0], c.in[0], group_of(c.attributes))}; },
        // ℓ_k = ½ Σ_{i+j=k} ⟨d_i, d_j⟩
        [](const SeriesContext& c) -> std::vector<Series> {
          Series out;
          for (int k = 1; k <= c.order; ++k) {
            std::vector<Factors> pairs;
            for (int i = 0; 2 * i < k; ++i) pairs.push_back({c.of(0, i), c.of(0, k - i)});
            if (k % 2 == 0) pairs.push_back({c.of(0, k / 2), scale(c.g, c.of(0, k / 2), 0.5)});
            out.push_back(sample_dot(c.g, pairs, group_of(c.attributes)));
          }
          return {out};
        }),
    .run = [](Device& d, const Call& c) { half_sum_of_squares(d, c.out[0], c.in[0], group_of(c.attributes)); },
    .flops = [](rules::Types in, rules::Types, const Attributes&) { return 2 * in[0].shape.elements(); },
    .sums_samples = true,
};
Var half_sum_of_squares(Graph& g, Var d, std::int64_t group) {
  return g.emit(half_sum_of_squares_p, {d}, Group{group});
}

// z = Σᵢ ⟨aᵢ, bᵢ⟩.  z' = Σᵢ ⟨aᵢ', bᵢ⟩ + ⟨aᵢ, bᵢ'⟩;  a̅ᵢ = z̅·bᵢ, b̅ᵢ = z̅·aᵢ.
const Primitive sample_dot_p{
    .name = "sample_dot",
    .shape = [](rules::Types in, const Attributes&) -> std::vector<ValueType> {
      rules::expect_pairs("sample_dot", in);
      for (std::size_t i = 0; i + 1 < in.size(); i += 2)
        rules::expect(in[i] == in[i + 1] && in[i].shape[0] == in[0].shape[0], "sample_dot",
                      fmt::format("a {}, b {}: expected equal shapes", to_string(in[i]), to_string(in[i + 1])));
      return {scalar64};
    },
    .derivative = rules::bilinear([](const Partial& c) { return scale_by(c.g, c.d, c.b, group_of(c.attributes)); },
                                  [](const Partial& c) { return scale_by(c.g, c.d, c.a, group_of(c.attributes)); }),
    .run = [](Device& d, const Call& c) { sample_dot(d, c.out[0], c.in, group_of(c.attributes)); },
    .flops = [](rules::Types in, rules::Types,
                const Attributes&) { return static_cast<std::int64_t>(in.size()) * in[0].shape.elements(); },
    .sums_samples = true,
    .join = rules::join_chains,
};
Var sample_dot(Graph& g, const std::vector<Factors>& factors, std::int64_t group) {
  const Vars in = rules::operands(factors);
  return in.empty() ? Var{} : g.emit_all(sample_dot_p, in, Group{group})[0];
}

// y = c·x, c a float64 scalar.  y' = c'·x + c·x';  c̅ = ⟨x, y̅⟩, x̅ = c·y̅.
const Primitive scale_by_p{
    .name = "scale_by",
    .shape = [](rules::Types in, const Attributes&) -> std::vector<ValueType> {
      rules::expect(in[0] == scalar64, "scale_by", to_string(in[0]) + ": expected a float64 scalar");
      return {in[1]};
    },
    .derivative = rules::product([](const Partial& c) { return scale_by(c.g, c.a, c.b, group_of(c.attributes)); },
                                 [](const Partial& c) {
                                   return sample_dot(c.g, {{c.b, c.d}}, group_of(c.attributes));
                                 },
                                 [](const Partial& c) { return scale_by(c.g, c.a, c.d, group_of(c.attributes)); }),
    .run = [](Device& d, const Call& c) { scale_by(d, c.out[0], c.in[0], c.in[1]); },
    .flops = rules::one_per_element,
};
Var scale_by(Graph& g, Var c, Var x, std::int64_t group) {
  if (!c || !x) return {};
  const Node* p = g.producer(c);
  if (p && p->primitive == &constant_p && p->attributes.as<Constant>().value == 1) return x;
  return g.emit(scale_by_p, {c, x}, Group{group});
}

// z = #{s : argmax_c f_sc = y_s}, piecewise constant.
const Primitive count_correct_p{
    .name = "count_correct",
    .shape = [](rules::Types in, const Attributes&) -> std::vector<ValueType> {
      expect_logits("count_correct", in[0], in[1]);
      return {scalar64};
    },
    .derivative = rules::piecewise_constant(),
    .run = [](Device& d, const Call& c) { count_correct(d, c.out[0], c.in[0], c.in[1]); },
    .flops = rules::no_flops,
    .sums_samples = true,
};
Var count_correct(Graph& g, Var f, Var labels) { return g.emit(count_correct_p, {f, labels}); }

}  // namespace brink

// SPDX-License-Identifier: MIT
// What it is: the losses, each with all of its mathematics.
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
                fmt::format("logits {}, labels {}: expected one int32 label a row", to_string(f), to_string(labels)));
}

/// ∂ℓ/∂f of the cross-entropy: softmax(f) − e_y.  [S,C]
Var cross_entropy_gradient(Graph& g, Var f, Var labels) { return sub(g, softmax(g, f), one_hot(g, labels, g.type(f))); }
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
          return {
              sample_dot(c.g, {{cross_entropy_gradient(c.g, c.in[0], c.in[1]), c.tangent[0]}}, group_of(c.attributes))};
        },
        [](const VjpContext& c) -> Vars {
          const Var delta = cross_entropy_gradient(c.g, c.in[0], c.in[1]);
          return {scale_by(c.g, c.cotangent[0], delta, group_of(c.attributes)), Var{}};
        }),
    .run = [](Device& d, const Call& c) { cross_entropy(d, c.out[0], c.in[0], c.in[1], group_of(c.attributes)); },
    .flops = [](rules::Types in, rules::Types, const Attributes&) { return 3 * in[0].shape.elements(); },
    .sums_samples = true,
};
Var cross_entropy(Graph& g, Var f, Var labels, std::int64_t group) {
  return g.emit(cross_entropy_p, {f, labels}, Group{group});
}

// p = softmax f.  p' = p∘(f' − ⟨p, f'⟩);  f̅ = p∘(p̅ − ⟨p, p̅⟩): the Jacobian is symmetric.
namespace {
Var softmax_product(Graph& g, Var p, Var t) {
  const Var mean = sum_columns(g, mul(g, p, t));                          // [S,1]
  return mul(g, p, sub(g, t, broadcast_column(g, mean, g.shape(p)[1])));  // [S,C]
}
}  // namespace
const Primitive softmax_p{
    .name = "softmax",
    .shape = [](rules::Types in, const Attributes&) -> std::vector<ValueType> {
      rules::expect(in[0].shape.rank == 2, "softmax", to_string(in[0]) + ": expected one row a sample");
      return {in[0]};
    },
    .derivative = rules::symmetric([](const Partial& c) { return softmax_product(c.g, c.out[0], c.d); }),
    .run = [](Device& d, const Call& c) { softmax(d, c.out[0], c.in[0]); },
    .flops = [](rules::Types in, rules::Types, const Attributes&) { return 4 * in[0].shape.elements(); },
};
Var softmax(Graph& g, Var f) { return g.emit(softmax_p, {f}); }

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
      rules::expect(in[0].shape.rank == 2, "half_sum_of_squares", to_string(in[0]) + ": expected one row a sample");
      return {scalar64};
    },
    .derivative = rules::own(
        [](const JvpContext& c) -> Vars {
          return {sample_dot(c.g, {{c.in[0], c.tangent[0]}}, group_of(c.attributes))};
        },
        [](const VjpContext& c) -> Vars { return {scale_by(c.g, c.cotangent[0], c.in[0], group_of(c.attributes))}; }),
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

// SPDX-License-Identifier: MIT
// Matrix products, broadcasts and the sums over samples, each with all of its mathematics.
// matmul, weight_gradient and sample_dot take any number of factor pairs. So the product rule gives one node whose chains are
// joined in the kernel: (Σ AᵢBᵢ)' = Σ Aᵢ'Bᵢ + AᵢBᵢ'. The order contract requires that, and it needs no extra pass.
#include "autodiff/primitives/dense.h"

#include <algorithm>

#include "autodiff/primitives/elementwise.h"
#include "autodiff/primitives/rules.h"
#include "kernels/broadcast/broadcast.h"
#include "kernels/matmul/matmul.h"

namespace brink {

std::string MatmulAttributes::describe() const { return transpose_b ? "transpose_b" : ""; }
std::string BroadcastAttributes::describe() const {
  return height == 0 ? fmt::format("{} rows", rows) : fmt::format("{} rows of {}×{}", rows, height, width);
}
std::string Extent::describe() const { return fmt::format("{}", value); }
std::string Columns::describe() const { return fmt::format("from {}, width {}", first, width); }

namespace {

using rules::expect_pairs, rules::group_of, rules::operands;

/// One row per sample, or one per pixel of a sample: [S,N] or [S,P,Q,N].
bool has_rows(const Shape& s) { return s.rank == 2 || s.rank == 4; }
Shape channels_of(const Shape& s) { return {s[s.rank - 1]}; }

std::string describe(rules::Types in) { return fmt::format("a {}, b {}", to_string(in[0]), to_string(in[1])); }

}  // namespace

// Y = Σ AᵢBᵢ.   A̅ᵢ = Y̅ Bᵢᵀ,  B̅ᵢ = Aᵢᵀ Y̅.
// Y = Σ AᵢBᵢᵀ.  A̅ᵢ = Y̅ Bᵢ,   B̅ᵢ = Y̅ᵀ Aᵢ.      Rows are samples, so a cotangent of B is a sum over samples.
const Primitive matmul_p{
    .name = "matmul",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      const bool transposed = a.as<MatmulAttributes>().transpose_b;
      expect_pairs("matmul", in);
      ValueType out{{in[0].shape[0], in[1].shape[transposed ? 0 : 1]}, in[0].dtype};
      for (std::size_t i = 0; i + 1 < in.size(); i += 2) {
        const rules::Types pair = in.subspan(i, 2);
        rules::expect(pair[0].shape.rank == 2 && pair[1].shape.rank == 2, "matmul",
                      describe(pair) + ": expected matrices");
        rules::expect(pair[0].shape[1] == pair[1].shape[transposed ? 1 : 0], "matmul",
                      describe(pair) + ": expected equal inner extents");
        rules::expect(pair[0].dtype == out.dtype && pair[1].dtype == out.dtype, "matmul",
                      describe(pair) + ": types differ");
        rules::expect(pair[0].shape[0] == out.shape[0] && pair[1].shape[transposed ? 0 : 1] == out.shape[1], "matmul",
                      describe(pair) + ": expected a product of shape " + to_string(out) + ", as the first");
      }
      return {out};
    },
    .derivative = rules::bilinear(
        [](const Partial& c) {
          const auto& a = c.attributes.as<MatmulAttributes>();
          return matmul(c.g, {{c.d, c.b}}, !a.transpose_b, a.group);
        },
        [](const Partial& c) {
          const auto& a = c.attributes.as<MatmulAttributes>();
          return weight_gradient(c.g, {a.transpose_b ? Factors{c.d, c.a} : Factors{c.a, c.d}}, a.group);
        }),
    .run =
        [](Device& d, const Call& c) {
          matmul(d, c.out[0], c.in, c.attributes.as<MatmulAttributes>().transpose_b, c.scratch, c.epilogue);
        },
    .flops =
        [](rules::Types in, rules::Types out, const Attributes&) {
          std::int64_t inner = 0;
          for (std::size_t i = 0; i < in.size(); i += 2) inner += in[i].shape[1];
          return saturated_product({2, out[0].shape.elements(), inner});
        },
    .scratch =
        [](rules::Types in, rules::Types out, const Attributes&, Where where) {
          std::int64_t largest = 0;
          for (std::size_t i = 0; i < in.size(); i += 2) largest = std::max(largest, in[i].shape[1]);
          return matmul_scratch_bytes(where, largest, out[0].shape[1], out[0].dtype);
        },
    .finishes = true,
};
Var matmul(Graph& g, const std::vector<Factors>& factors, bool transpose_b, std::int64_t group) {
  const Vars in = operands(factors);
  return in.empty() ? Var{} : g.emit_all(matmul_p, in, MatmulAttributes{group, transpose_b})[0];
}

// W = Σ XᵢᵀDᵢ.  X̅ᵢ = Dᵢ W̅ᵀ,  D̅ᵢ = Xᵢ W̅.
const Primitive weight_gradient_p{
    .name = "weight_gradient",
    .shape = [](rules::Types in, const Attributes&) -> std::vector<ValueType> {
      expect_pairs("weight_gradient", in);
      const ValueType out{{in[0].shape[1], in[1].shape[1]}, in[0].dtype};
      for (std::size_t i = 0; i + 1 < in.size(); i += 2) {
        const rules::Types pair = in.subspan(i, 2);
        rules::expect(pair[0].shape.rank == 2 && pair[1].shape.rank == 2 && pair[0].shape[0] == pair[1].shape[0] &&
                          pair[0].dtype == out.dtype && pair[1].dtype == out.dtype,
                      "weight_gradient", describe(pair) + ": expected matrices with one row per sample");
        rules::expect(pair[0].shape[1] == out.shape[0] && pair[1].shape[1] == out.shape[1], "weight_gradient",
                      describe(pair) + ": expected a product of shape " + to_string(out) + ", as the first");
      }
      return {out};
    },
    .derivative = rules::bilinear(
        [](const Partial& c) {
          return matmul(c.g, {{c.b, c.d}}, true, group_of(c.attributes));
        },
        [](const Partial& c) {
          return matmul(c.g, {{c.a, c.d}}, false, group_of(c.attributes));
        }),
    .run = [](Device& d, const Call& c) { weight_gradient(d, c.out[0], c.in, group_of(c.attributes), c.scratch); },
    .flops =
        [](rules::Types in, rules::Types out, const Attributes&) {
          return saturated_product({static_cast<std::int64_t>(in.size()), in[0].shape[0], out[0].shape.elements()});
        },
    .scratch =
        [](rules::Types in, rules::Types out, const Attributes& a, Where where) {
          return weight_gradient_scratch_bytes(where, in[0].shape[0], out[0].shape[0], out[0].shape[1],
                                               static_cast<int>(in.size() / 2), group_of(a), out[0].dtype);
        },
    .sums_samples = true,
    .join = rules::join_chains,
};
Var weight_gradient(Graph& g, const std::vector<Factors>& factors, std::int64_t group) {
  const Vars in = operands(factors);
  return in.empty() ? Var{} : g.emit_all(weight_gradient_p, in, Group{group})[0];
}

// b = Σ_s d_s.  b' = Σ_s d'_s;  d̅_s = b̅.
const Primitive sum_samples_p{
    .name = "sum_samples",
    .shape = [](rules::Types in, const Attributes&) -> std::vector<ValueType> {
      rules::expect(has_rows(in[0].shape), "sum_samples", to_string(in[0]) + ": expected one row per sample or pixel");
      return {{channels_of(in[0].shape), in[0].dtype}};
    },
    .derivative = rules::linear(
        [](const Partial& c) { return broadcast_row(c.g, c.d, c.g.shape(c.in[0]), group_of(c.attributes)); }),
    .run = [](Device& d, const Call& c) { sum_samples(d, c.out[0], c.in[0], group_of(c.attributes), c.scratch); },
    .flops = [](rules::Types in, rules::Types, const Attributes&) { return in[0].shape.elements(); },
    .scratch = [](rules::Types in, rules::Types out, const Attributes& a,
                  Where where) { return sum_samples_scratch_bytes(where, in[0].shape, group_of(a), out[0].dtype); },
    .sums_samples = true,
    .join = [](Graph& g, const Node& a,
               const Node& b) { return sum_samples(g, add(g, a.in[0], b.in[0]), group_of(a.attributes)); },
};
Var sum_samples(Graph& g, Var d, std::int64_t group) { return d ? g.emit(sum_samples_p, {d}, Group{group}) : Var{}; }

// y_s = x_s + b.  y' = x' + b';  x̅ = y̅, b̅ = Σ_s y̅_s.
const Primitive add_row_p{
    .name = "add_row",
    .shape = [](rules::Types in, const Attributes&) -> std::vector<ValueType> {
      rules::expect(has_rows(in[0].shape) && in[1].shape == channels_of(in[0].shape) && in[0].dtype == in[1].dtype,
                    "add_row",
                    fmt::format("x {}, b {}: expected one b per column", to_string(in[0]), to_string(in[1])));
      return {in[0]};
    },
    .derivative = rules::linear_in_all(
        [](const JvpContext& c) -> Vars {
          const std::int64_t group = group_of(c.attributes);
          if (!c.tangent[0]) return {broadcast_row(c.g, c.tangent[1], c.g.shape(c.in[0]), group)};
          return {c.tangent[1] ? add_row(c.g, c.tangent[0], c.tangent[1], group) : c.tangent[0]};
        },
        [](const VjpContext& c) -> Vars {
          return {c.cotangent[0], sum_samples(c.g, c.cotangent[0], group_of(c.attributes))};
        }),
    .run = [](Device& d, const Call& c) { add_row(d, c.out[0], c.in[0], c.in[1]); },
    .flops = rules::one_per_element,
    .epilogue = {.running = 0, .stage = 1, .join = [](Epilogue& e, std::span<const View> in) { e.bias = in[1]; }},
};
Var add_row(Graph& g, Var x, Var b, std::int64_t group) { return g.emit(add_row_p, {x, b}, Group{group}); }

// y_s = b.  y' = b';  b̅ = Σ_s y̅_s.
const Primitive broadcast_row_p{
    .name = "broadcast_row",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      rules::expect(in[0].shape.rank == 1, "broadcast_row", to_string(in[0]) + ": expected a vector");
      const auto& to = a.as<BroadcastAttributes>();
      const std::int64_t n = in[0].shape[0];
      return {{to.height == 0 ? Shape{to.rows, n} : Shape{to.rows, to.height, to.width, n}, in[0].dtype}};
    },
    .derivative = rules::linear(
        [](const Partial& c) { return sum_samples(c.g, c.d, c.attributes.as<BroadcastAttributes>().group); }),
    .run = [](Device& d, const Call& c) { broadcast_row(d, c.out[0], c.in[0]); },
    .flops = rules::no_flops,
};
Var broadcast_row(Graph& g, Var b, std::int64_t rows, std::int64_t group) {
  return broadcast_row(g, b, Shape{rows, 1}, group);
}
Var broadcast_row(Graph& g, Var b, const Shape& to, std::int64_t group) {
  if (!b) return {};
  const bool pixels = to.rank == 4;
  return g.emit(broadcast_row_p, {b}, BroadcastAttributes{to[0], group, pixels ? to[1] : 0, pixels ? to[2] : 0});
}

// y_sc = r_s.  y' = r';  r̅_s = Σ_c y̅_sc.
const Primitive broadcast_column_p{
    .name = "broadcast_column",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      rules::expect(in[0].shape.rank == 2 && in[0].shape[1] == 1, "broadcast_column",
                    to_string(in[0]) + ": expected [S,1]");
      return {{{in[0].shape[0], a.as<Extent>().value}, in[0].dtype}};
    },
    .derivative = rules::linear([](const Partial& c) { return sum_columns(c.g, c.d); }),
    .run = [](Device& d, const Call& c) { broadcast_column(d, c.out[0], c.in[0]); },
    .flops = rules::no_flops,
};
Var broadcast_column(Graph& g, Var r, std::int64_t columns) {
  return r ? g.emit(broadcast_column_p, {r}, Extent{columns}) : Var{};
}

// r_s = Σ_c x_sc.  r' = Σ_c x'_sc;  x̅_sc = r̅_s.
const Primitive sum_columns_p{
    .name = "sum_columns",
    .shape = [](rules::Types in, const Attributes&) -> std::vector<ValueType> {
      rules::expect(in[0].shape.rank == 2, "sum_columns", to_string(in[0]) + ": expected a matrix");
      return {{{in[0].shape[0], 1}, in[0].dtype}};
    },
    .derivative = rules::linear([](const Partial& c) { return broadcast_column(c.g, c.d, c.g.shape(c.in[0])[1]); }),
    .run = [](Device& d, const Call& c) { sum_columns(d, c.out[0], c.in[0]); },
    .flops = [](rules::Types in, rules::Types, const Attributes&) { return in[0].shape.elements(); },
};
Var sum_columns(Graph& g, Var x) { return x ? g.emit(sum_columns_p, {x}) : Var{}; }

// y = [0 | x | 0].  y' = [0 | x' | 0];  x̅ = the middle columns of y̅.
const Primitive pad_columns_p{
    .name = "pad_columns",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      const auto& c = a.as<Columns>();
      rules::expect(
          in[0].shape.rank == 2 && c.first >= 0 && c.first + in[0].shape[1] <= c.width, "pad_columns",
          fmt::format("{}: does not fit into {} columns from column {} on", to_string(in[0]), c.width, c.first));
      return {{{in[0].shape[0], c.width}, in[0].dtype}};
    },
    .derivative = rules::linear([](const Partial& c) {
      return slice_columns(c.g, c.d, c.attributes.as<Columns>().first, c.g.shape(c.in[0])[1]);
    }),
    .run = [](Device& d, const Call& c) { pad_columns(d, c.out[0], c.in[0], c.attributes.as<Columns>().first); },
    .flops = rules::no_flops,
};
Var pad_columns(Graph& g, Var x, std::int64_t before, std::int64_t width) {
  return x ? g.emit(pad_columns_p, {x}, Columns{before, width}) : Var{};
}

// y = the columns of x from `first`.  y' = those of x';  x̅ = [0 | y̅ | 0].
const Primitive slice_columns_p{
    .name = "slice_columns",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      const auto& c = a.as<Columns>();
      rules::expect(in[0].shape.rank == 2 && c.first >= 0 && c.first + c.width <= in[0].shape[1], "slice_columns",
                    fmt::format("{}: expected {} columns from column {} on", to_string(in[0]), c.width, c.first));
      return {{{in[0].shape[0], c.width}, in[0].dtype}};
    },
    .derivative = rules::linear([](const Partial& c) {
      return pad_columns(c.g, c.d, c.attributes.as<Columns>().first, c.g.shape(c.in[0])[1]);
    }),
    .run = [](Device& d, const Call& c) { slice_columns(d, c.out[0], c.in[0], c.attributes.as<Columns>().first); },
    .flops = rules::no_flops,
};
Var slice_columns(Graph& g, Var x, std::int64_t first, std::int64_t width) {
  return x ? g.emit(slice_columns_p, {x}, Columns{first, width}) : Var{};
}

}  // namespace brink

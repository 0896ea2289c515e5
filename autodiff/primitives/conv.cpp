// SPDX-License-Identifier: MIT
// Convolution is bilinear, and its three forms are each other's derivatives: any one of picture, weights and result follows
// from the other two. So the rules close at every order with three kernels.
#include "autodiff/primitives/conv.h"

#include "kernels/conv/conv.h"

namespace brink {

std::string ConvAttributes::describe() const { return fmt::format("stride {}, padding {}", stride, padding); }

namespace {

using rules::expect, rules::Types;

const ConvAttributes& attributes_of(const Attributes& a) { return a.as<ConvAttributes>(); }
ConvWindow window_of(const ConvAttributes& a) { return {a.stride, a.padding, a.group}; }
std::array<std::int64_t, 2> picture_of(const Shape& x) { return {x[1], x[2]}; }
std::array<std::int64_t, 2> kernel_of(const Shape& w) { return {w[0], w[1]}; }

void expect_window(std::string_view name, const ConvAttributes& a) {
  expect(a.stride >= 1, name, fmt::format("stride {}: expected at least 1", a.stride));
  expect(a.padding >= 0, name, fmt::format("padding {}: expected at least 0", a.padding));
}

void expect_rank_4(std::string_view name, std::string_view what, const ValueType& t, std::string_view axes) {
  expect(t.shape.rank == 4, name, fmt::format("{} {}: expected {}", what, to_string(t.shape), axes));
}

/// All pairs have the shapes of the first, and all values one type.
void expect_equal_pairs(std::string_view name, Types in) {
  rules::expect_pairs(name, in);
  for (std::size_t i = 0; i < in.size(); ++i)
    expect(in[i].shape == in[i % 2].shape && in[i].dtype == in[0].dtype, name,
           fmt::format("{}: expected {}, as in the first pair", to_string(in[i]),
                       to_string(ValueType{in[i % 2].shape, in[0].dtype})));
}

/// Extents of a convolution of pictures x with kernels of [r,s,c,k]. Throws if they do not fit.
ConvShape shape_of(std::string_view name, const Shape& x, std::int64_t r, std::int64_t s, std::int64_t k,
                   const ConvAttributes& a) {
  const std::int64_t p = ConvShape::pixels(x[1], r, a.stride, a.padding),
                     q = ConvShape::pixels(x[2], s, a.stride, a.padding);
  if (p < 1 || q < 1)  // no message is made unless needed, because this also runs with every kernel
    throw ShapeError(fmt::format("[{}] kernel {}×{} with padding {} does not fit into pictures of {}×{}", name, r, s,
                                 a.padding, x[1], x[2]));
  return {x[0], x[1], x[2], x[3], r, s, k, p, q, a.stride, a.padding};
}

ConvShape forward_shape(Types in, const ConvAttributes& a) {
  const Shape &x = in[0].shape, &w = in[1].shape;
  return shape_of("conv2d", x, w[0], w[1], w[3], a);
}
ConvShape input_gradient_shape(Types in, const ConvAttributes& a) {
  const Shape &d = in[0].shape, &w = in[1].shape;
  return shape_of("conv2d_input_gradient", {d[0], a.extent[0], a.extent[1], w[2]}, w[0], w[1], w[3], a);
}
ConvShape weight_gradient_shape(Types in, const ConvAttributes& a) {
  const Shape &x = in[0].shape, &d = in[1].shape;
  return shape_of("conv2d_weight_gradient", x, a.extent[0], a.extent[1], d[3], a);
}

void expect_result(std::string_view name, const Shape& d, const ConvShape& s) {
  const Shape expected{s.n, s.p, s.q, s.k};
  expect(d == expected, name, fmt::format("cotangent {}: expected {}", to_string(d), to_string(expected)));
}

std::int64_t flops_of(const ConvShape& s, Types in) {
  return saturated_product({static_cast<std::int64_t>(in.size()), s.n, s.p, s.q, s.weights()});
}
int pairs_of(Types in) { return static_cast<int>(in.size() / 2); }

}  // namespace

// Y = Σ Xᵢ ∗ Wᵢ.  X̅ᵢ = input gradient of (Y̅, Wᵢ), W̅ᵢ = weight gradient of (Xᵢ, Y̅).
const Primitive conv2d_p{
    .name = "conv2d",
    .shape = [](Types in, const Attributes& attributes) -> std::vector<ValueType> {
      const ConvAttributes& a = attributes_of(attributes);
      expect_window("conv2d", a);
      expect_rank_4("conv2d", "input", in[0], "[samples, height, width, channels]");
      expect_rank_4("conv2d", "weight", in[1], "[kernel height, kernel width, input channels, output channels]");
      expect(in[1].shape[2] == in[0].shape[3], "conv2d",
             fmt::format("weight {}: expected {} input channels, got {}", to_string(in[1].shape), in[0].shape[3],
                         in[1].shape[2]));
      expect_equal_pairs("conv2d", in);
      const ConvShape s = forward_shape(in, a);
      return {{{s.n, s.p, s.q, s.k}, in[0].dtype}};
    },
    .derivative = rules::bilinear(
        [](const Partial& c) {
          return conv2d_input_gradient(c.g, {{c.d, c.b}}, window_of(attributes_of(c.attributes)),
                                       picture_of(c.g.shape(c.a)));
        },
        [](const Partial& c) {
          return conv2d_weight_gradient(c.g, {{c.a, c.d}}, window_of(attributes_of(c.attributes)),
                                        kernel_of(c.g.shape(c.b)));
        }),
    .run =
        [](Device& d, const Call& c) {
          const ValueType in[] = {{c.in[0].shape, c.in[0].dtype}, {c.in[1].shape, c.in[1].dtype}};
          conv2d(d, c.out[0], c.in, forward_shape(in, attributes_of(c.attributes)), c.scratch, c.epilogue);
        },
    .flops = [](Types in, Types, const Attributes& a) { return flops_of(forward_shape(in, attributes_of(a)), in); },
    .scratch =
        [](Types in, Types out, const Attributes& a, Where where) {
          return conv2d_scratch_bytes(where, forward_shape(in, attributes_of(a)), pairs_of(in), out[0].dtype);
        },
    .finishes = true,
};
Var conv2d(Graph& g, const std::vector<Factors>& factors, const ConvWindow& w) {
  const Vars in = rules::operands(factors);
  return in.empty() ? Var{} : g.emit_all(conv2d_p, in, ConvAttributes{w.stride, w.padding, {}, w.group})[0];
}

// X = Σ (Dᵢ, Wᵢ).  D̅ᵢ = X̅ ∗ Wᵢ, W̅ᵢ = weight gradient of (X̅, Dᵢ).
const Primitive conv2d_input_gradient_p{
    .name = "conv2d_input_gradient",
    .shape = [](Types in, const Attributes& attributes) -> std::vector<ValueType> {
      constexpr std::string_view name = "conv2d_input_gradient";
      const ConvAttributes& a = attributes_of(attributes);
      expect_window(name, a);
      expect_rank_4(name, "cotangent", in[0], "[samples, height, width, channels]");
      expect_rank_4(name, "weight", in[1], "[kernel height, kernel width, input channels, output channels]");
      expect_equal_pairs(name, in);
      const ConvShape s = input_gradient_shape(in, a);
      expect_result(name, in[0].shape, s);
      return {{{s.n, s.h, s.w, s.c}, in[0].dtype}};
    },
    .derivative = rules::bilinear(
        [](const Partial& c) {
          return conv2d(c.g, {{c.d, c.b}}, window_of(attributes_of(c.attributes)));
        },
        [](const Partial& c) {
          return conv2d_weight_gradient(c.g, {{c.d, c.a}}, window_of(attributes_of(c.attributes)),
                                        kernel_of(c.g.shape(c.b)));
        }),
    .run =
        [](Device& d, const Call& c) {
          const ValueType in[] = {{c.in[0].shape, c.in[0].dtype}, {c.in[1].shape, c.in[1].dtype}};
          conv2d_input_gradient(d, c.out[0], c.in, input_gradient_shape(in, attributes_of(c.attributes)), c.scratch,
                                c.epilogue);
        },
    .flops = [](Types in, Types,
                const Attributes& a) { return flops_of(input_gradient_shape(in, attributes_of(a)), in); },
    .scratch =
        [](Types in, Types out, const Attributes& a, Where where) {
          return conv2d_input_gradient_scratch_bytes(where, input_gradient_shape(in, attributes_of(a)), pairs_of(in),
                                                     out[0].dtype);
        },
    .finishes = true,
};
Var conv2d_input_gradient(Graph& g, const std::vector<Factors>& factors, const ConvWindow& w,
                          std::array<std::int64_t, 2> picture) {
  const Vars in = rules::operands(factors);
  if (in.empty()) return {};
  return g.emit_all(conv2d_input_gradient_p, in, ConvAttributes{w.stride, w.padding, picture, w.group})[0];
}

// W = Σ (Xᵢ, Dᵢ).  X̅ᵢ = input gradient of (Dᵢ, W̅), D̅ᵢ = Xᵢ ∗ W̅.
const Primitive conv2d_weight_gradient_p{
    .name = "conv2d_weight_gradient",
    .shape = [](Types in, const Attributes& attributes) -> std::vector<ValueType> {
      constexpr std::string_view name = "conv2d_weight_gradient";
      const ConvAttributes& a = attributes_of(attributes);
      expect_window(name, a);
      expect(a.group >= 1, name, fmt::format("groups of {} samples: expected at least 1", a.group));
      expect_rank_4(name, "input", in[0], "[samples, height, width, channels]");
      expect_rank_4(name, "cotangent", in[1], "[samples, height, width, channels]");
      expect_equal_pairs(name, in);
      const ConvShape s = weight_gradient_shape(in, a);
      expect_result(name, in[1].shape, s);
      return {{{s.r, s.s, s.c, s.k}, in[0].dtype}};
    },
    .derivative = rules::bilinear(
        [](const Partial& c) {
          return conv2d_input_gradient(c.g, {{c.b, c.d}}, window_of(attributes_of(c.attributes)),
                                       picture_of(c.g.shape(c.a)));
        },
        [](const Partial& c) {
          return conv2d(c.g, {{c.a, c.d}}, window_of(attributes_of(c.attributes)));
        }),
    .run =
        [](Device& d, const Call& c) {
          const ValueType in[] = {{c.in[0].shape, c.in[0].dtype}, {c.in[1].shape, c.in[1].dtype}};
          const ConvAttributes& a = attributes_of(c.attributes);
          conv2d_weight_gradient(d, c.out[0], c.in, weight_gradient_shape(in, a), a.group, c.scratch);
        },
    .flops = [](Types in, Types,
                const Attributes& a) { return flops_of(weight_gradient_shape(in, attributes_of(a)), in); },
    .scratch =
        [](Types in, Types out, const Attributes& attributes, Where where) {
          const ConvAttributes& a = attributes_of(attributes);
          return conv2d_weight_gradient_scratch_bytes(where, weight_gradient_shape(in, a), pairs_of(in), a.group,
                                                      out[0].dtype);
        },
    .sums_samples = true,
    .join = rules::join_chains,
};
Var conv2d_weight_gradient(Graph& g, const std::vector<Factors>& factors, const ConvWindow& w,
                           std::array<std::int64_t, 2> kernel) {
  const Vars in = rules::operands(factors);
  if (in.empty()) return {};
  return g.emit_all(conv2d_weight_gradient_p, in, ConvAttributes{w.stride, w.padding, kernel, w.group})[0];
}

}  // namespace brink

// SPDX-License-Identifier: MIT
// Pooling, shortcuts and changes of shape, each with its shape rule, derivatives and kernel.
// Every primitive but max_pool is linear in the values that it moves and piecewise constant in those that it compares, so
// derivatives of every order consist of these primitives.
#include "autodiff/primitives/pool.h"

#include "autodiff/primitives/rules.h"
#include "kernels/memory.h"

namespace brink {

std::string PoolAttributes::describe() const { return fmt::format("{0}x{0}, stride {1}", window, stride); }
std::string PixelAttributes::describe() const { return fmt::format("stride {}", stride); }
std::string ShapeAttributes::describe() const {
  Shape s;
  s.extent = extent;
  s.rank = rank;
  return to_string(s);
}

namespace {

PoolWindows windows_of(const Attributes& a) {
  const auto& p = a.as<PoolAttributes>();
  return {p.window, p.stride};
}
Attributes attributes_of(PoolWindows w) { return PoolAttributes{w.window, w.stride}; }

/// The type of the result of pooling x.
ValueType pooled(std::string_view name, const ValueType& x, const Attributes& a) {
  const PoolWindows w = windows_of(a);
  rules::expect(x.shape.rank == 4, name, to_string(x) + ": expected [samples, height, width, channels]");
  rules::expect(w.window >= 1 && w.stride >= 1, name,
                fmt::format("windows of {0}x{0}, {1} apart: expected at least 1", w.window, w.stride));
  rules::expect(x.shape[1] >= w.window && x.shape[2] >= w.window, name,
                fmt::format("x {}: the picture is smaller than the window of {}x{}", to_string(x), w.window, w.window));
  return {{x.shape[0], w.count(x.shape[1]), w.count(x.shape[2]), x.shape[3]}, x.dtype};
}

}  // namespace

// y = x at the argmax.  y' = x' there;  x̅ = y̅ there, added up over the windows.
const Primitive max_pool_p{
    .name = "max_pool",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      return {pooled("max_pool", in[0], a)};
    },
    .derivative = rules::piecewise_linear(
        [](const JvpContext& c) -> Vars { return {pool_select(c.g, c.in[0], c.tangent[0], windows_of(c.attributes))}; },
        [](const VjpContext& c) -> Vars {
          return {pool_scatter(c.g, c.in[0], c.cotangent[0], windows_of(c.attributes))};
        }),
    .run = [](Device& d, const Call& c) { max_pool(d, c.out[0], c.in[0], windows_of(c.attributes)); },
    .flops =
        [](rules::Types, rules::Types out, const Attributes& a) {
          const std::int64_t window = windows_of(a).window;
          return window * window * out[0].shape.elements();
        },
};
Var max_pool(Graph& g, Var x, PoolWindows w) { return x ? g.emit(max_pool_p, {x}, attributes_of(w)) : Var{}; }

// z = t at the argmax of x, piecewise constant in x.  z' = t' there;  t̅ = z̅ there, added up over the windows.
const Primitive pool_select_p{
    .name = "pool_select",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      rules::all_equal("pool_select", in);
      return {pooled("pool_select", in[0], a)};
    },
    .derivative =
        rules::linear([](const Partial& c) { return pool_scatter(c.g, c.in[0], c.d, windows_of(c.attributes)); }, 1),
    .run = [](Device& d, const Call& c) { pool_select(d, c.out[0], c.in[0], c.in[1], windows_of(c.attributes)); },
    .flops = max_pool_p.flops,
};
Var pool_select(Graph& g, Var x, Var t, PoolWindows w) {
  return t ? g.emit(pool_select_p, {x, t}, attributes_of(w)) : Var{};
}

// z = d at the argmax of x, added up over the windows, piecewise constant in x.  z' = d' likewise;  d̅ = z̅ at the argmax.
const Primitive pool_scatter_p{
    .name = "pool_scatter",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      const ValueType expected = pooled("pool_scatter", in[0], a);
      rules::expect(in[1] == expected, "pool_scatter",
                    fmt::format("x {}, d {}: expected d {}", to_string(in[0]), to_string(in[1]), to_string(expected)));
      return {in[0]};
    },
    .derivative =
        rules::linear([](const Partial& c) { return pool_select(c.g, c.in[0], c.d, windows_of(c.attributes)); }, 1),
    .run = [](Device& d, const Call& c) { pool_scatter(d, c.out[0], c.in[0], c.in[1], windows_of(c.attributes)); },
    .flops =
        [](rules::Types in, rules::Types, const Attributes& a) {
          const std::int64_t window = windows_of(a).window;
          return window * window * in[1].shape.elements();
        },
};
Var pool_scatter(Graph& g, Var x, Var d, PoolWindows w) {
  return d ? g.emit(pool_scatter_p, {x, d}, attributes_of(w)) : Var{};
}

// y = mean of x over the pixels.  y' = that of x';  x̅ = y̅/(H·W) in every pixel.
const Primitive average_pixels_p{
    .name = "average_pixels",
    .shape = [](rules::Types in, const Attributes&) -> std::vector<ValueType> {
      rules::expect(in[0].shape.rank == 4 && in[0].shape.elements() > 0, "average_pixels",
                    to_string(in[0]) + ": expected [samples, height, width, channels]");
      return {{{in[0].shape[0], in[0].shape[3]}, in[0].dtype}};
    },
    .derivative = rules::linear([](const Partial& c) {
      const Shape x = c.g.shape(c.in[0]);
      return spread_pixels(c.g, c.d, x[1], x[2]);
    }),
    .run = [](Device& d, const Call& c) { average_pixels(d, c.out[0], c.in[0]); },
    .flops = [](rules::Types in, rules::Types, const Attributes&) { return in[0].shape.elements(); },
};
Var average_pixels(Graph& g, Var x) { return x ? g.emit(average_pixels_p, {x}) : Var{}; }

// y = d/(H·W) in every pixel.  y' = d'/(H·W);  d̅ = mean of y̅.
const Primitive spread_pixels_p{
    .name = "spread_pixels",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      const auto& to = a.as<PixelAttributes>();
      rules::expect(
          in[0].shape.rank == 2 && to.height > 0 && to.width > 0, "spread_pixels",
          fmt::format("{} to {}x{} pixels: expected one row per sample", to_string(in[0]), to.height, to.width));
      return {{{in[0].shape[0], to.height, to.width, in[0].shape[1]}, in[0].dtype}};
    },
    .derivative = rules::linear([](const Partial& c) { return average_pixels(c.g, c.d); }),
    .run = [](Device& d, const Call& c) { spread_pixels(d, c.out[0], c.in[0]); },
    .flops = rules::one_per_element,
};
Var spread_pixels(Graph& g, Var d, std::int64_t height, std::int64_t width) {
  return d ? g.emit(spread_pixels_p, {d}, PixelAttributes{1, height, width, 0}) : Var{};
}

namespace {
/// The transpose of shortcut: d in every stride-th pixel of height × width, without the appended channels.
Var shortcut_transposed(Graph& g, Var d, const PixelAttributes& to) {
  return d ? g.emit(shortcut_transposed_p, {d}, to) : Var{};
}
std::int64_t kept(std::int64_t pixels, std::int64_t stride) { return (pixels + stride - 1) / stride; }
}  // namespace

// y = every stride-th pixel of x, zero channels appended.  y' = that of x';  x̅ = y̅ there, 0 elsewhere.
const Primitive shortcut_p{
    .name = "shortcut",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      const auto& to = a.as<PixelAttributes>();
      rules::expect(in[0].shape.rank == 4 && to.stride >= 1 && to.channels >= in[0].shape[3], "shortcut",
                    fmt::format("x {} to {} channels, every {} pixels: expected at least as many channels as x has",
                                to_string(in[0]), to.channels, to.stride));
      return {{{in[0].shape[0], kept(in[0].shape[1], to.stride), kept(in[0].shape[2], to.stride), to.channels},
               in[0].dtype}};
    },
    .derivative = rules::linear([](const Partial& c) {
      const Shape x = c.g.shape(c.in[0]);
      return shortcut_transposed(c.g, c.d, {c.attributes.as<PixelAttributes>().stride, x[1], x[2], x[3]});
    }),
    .run = [](Device& d, const Call& c) { shortcut(d, c.out[0], c.in[0], c.attributes.as<PixelAttributes>().stride); },
    .flops = rules::no_flops,
};
Var shortcut(Graph& g, Var x, std::int64_t stride, std::int64_t channels) {
  return x ? g.emit(shortcut_p, {x}, PixelAttributes{stride, 0, 0, channels}) : Var{};
}

// z = d in every stride-th pixel, 0 elsewhere, the channels appended left out.  z' = that of d';  d̅ = shortcut of z̅.
const Primitive shortcut_transposed_p{
    .name = "shortcut_transposed",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      const auto& to = a.as<PixelAttributes>();
      rules::expect(in[0].shape.rank == 4 && in[0].shape[1] == kept(to.height, to.stride) &&
                        in[0].shape[2] == kept(to.width, to.stride) && in[0].shape[3] >= to.channels,
                    "shortcut_transposed",
                    fmt::format("d {} to {}x{}x{}, every {} pixels: does not fit", to_string(in[0]), to.height,
                                to.width, to.channels, to.stride));
      return {{{in[0].shape[0], to.height, to.width, to.channels}, in[0].dtype}};
    },
    .derivative = rules::linear([](const Partial& c) {
      return shortcut(c.g, c.d, c.attributes.as<PixelAttributes>().stride, c.g.shape(c.in[0])[3]);
    }),
    .run = [](Device& d,
              const Call& c) { shortcut_transposed(d, c.out[0], c.in[0], c.attributes.as<PixelAttributes>().stride); },
    .flops = rules::no_flops,
};

// y = x.  y' = x';  x̅ = y̅, in the other shape.
const Primitive reshape_p{
    .name = "reshape",
    .shape = [](rules::Types in, const Attributes& a) -> std::vector<ValueType> {
      const auto& to = a.as<ShapeAttributes>();
      ValueType out = in[0];
      out.shape.extent = to.extent;
      out.shape.rank = to.rank;
      rules::expect(out.shape.elements() == in[0].shape.elements(), "reshape",
                    fmt::format("{} to {}: expected equal numbers of elements", to_string(in[0]), to_string(out)));
      return {out};
    },
    .derivative = rules::linear([](const Partial& c) { return reshape(c.g, c.d, c.g.shape(c.in[0])); }),
    .run =
        [](Device& d, const Call& c) {
          copy(d, c.out[0], {c.in[0].data, c.out[0].shape, c.in[0].dtype});
        },
    .flops = rules::no_flops,
};
Var reshape(Graph& g, Var x, const Shape& shape) {
  return x ? g.emit(reshape_p, {x}, ShapeAttributes{shape.extent, shape.rank}) : Var{};
}
Var flatten(Graph& g, Var x) { return reshape(g, x, {g.shape(x)[0], g.shape(x).row_elements()}); }

}  // namespace brink

// SPDX-License-Identifier: MIT
// The rows of pooling, shortcuts and changes of shape.
#include <algorithm>

#include "autodiff/primitives/pool.h"
#include "tests/cases/rows.h"
#include "tests/reference/norm_reference.h"

namespace brink::cases {

namespace {

// By hand; whole windows and pixels left over; overlapping and with gaps; one window; pictures that are not square; channels that
// fill vectors and that do not.
struct Pooling {
  Shape x;
  PoolWindows windows;
};
const Pooling poolings[] = {{{1, 2, 2, 1}, {2, 2}},    {{2, 5, 4, 3}, {2, 2}},   {{2, 7, 7, 2}, {3, 2}},
                            {{3, 6, 5, 5}, {3, 1}},    {{1, 5, 5, 7}, {2, 3}},   {{2, 3, 3, 9}, {3, 2}},
                            {{2, 8, 8, 16}, {2, 2}},   {{2, 10, 9, 33}, {3, 2}}, {{3, 15, 15, 40}, {3, 2}},
                            {{1, 31, 29, 64}, {3, 2}}, {{5, 12, 11, 8}, {4, 2}}, {{1, 1, 1, 3}, {1, 1}}};
const Pooling& of(int size) { return poolings[static_cast<std::size_t>(size)]; }
constexpr int poolings_count = std::size(poolings);
Shape windows_of(int size) {
  const Pooling& p = of(size);
  return {p.x[0], p.windows.count(p.x[1]), p.windows.count(p.x[2]), p.x[3]};
}
Attributes attributes_of(int size) { return PoolAttributes{of(size).windows.window, of(size).windows.stride}; }

/// each(element of x with the maximum, element of the windows), windows ascending.
template <class T, class Each>
void over_windows(const View& x, const Shape& windows, const Attributes& a, const Each& each) {
  const auto& pool = a.as<PoolAttributes>();
  for (std::int64_t s = 0; s < x.shape[0]; ++s)
    for (std::int64_t c = 0; c < x.shape[3]; ++c)
      for (const auto& w : reference::argmaxima<T>(x, s, c, pool.window, pool.stride))
        each(w.element, ((s * windows[1] + w.p) * windows[2] + w.q) * windows[3] + c);
}

Row select_row(std::string name, Values values, bool of_x) {
  return {.name = std::move(name),
          .primitive = of_x ? &max_pool_p : &pool_select_p,
          .kernels = {of_x ? "max_pool" : "pool_select"},
          .sizes = poolings_count,
          .inputs =
              [=](int size) {
                std::vector<In> in{{of(size).x, values}};
                if (!of_x) in.push_back({of(size).x});
                return in;
              },
          .attributes = attributes_of,
          .reference =
              [](Views in, const View& out, const Attributes& a) {
                with_real(out.dtype, [&]<class T>(T) {
                  over_windows<T>(in[0], out.shape, a,
                                  [&](auto element, auto window) { out.as<T>()[window] = in.back().as<T>()[element]; });
                });
              }};
}

Row scatter_row(std::string name, Values values) {
  return {.name = std::move(name),
          .primitive = &pool_scatter_p,
          .kernels = {"pool_scatter"},
          .sizes = poolings_count,
          .inputs =
              [=](int size) {
                return std::vector<In>{{of(size).x, values}, {windows_of(size)}};
              },
          .attributes = attributes_of,
          .reference =
              [](Views in, const View& out, const Attributes& a) {
                with_real(out.dtype, [&]<class T>(T) {
                  std::ranges::fill(out.span<T>(), T(0));
                  over_windows<T>(in[0], in[1].shape, a, [&](auto element, auto window) {
                    out.as<T>()[element] = out.as<T>()[element] + in[1].as<T>()[window];
                  });
                });
              }};
}

// Every stride-th pixel, channels appended.
struct Shortcut {
  Shape x;
  std::int64_t stride, channels;
};
const Shortcut shortcuts[] = {{{1, 1, 1, 1}, 1, 1},  {{2, 4, 4, 2}, 2, 5},   {{3, 5, 3, 3}, 2, 3},
                              {{2, 7, 8, 5}, 3, 11}, {{2, 6, 6, 16}, 2, 32}, {{3, 9, 9, 24}, 1, 40}};
const Shortcut& shortcut_of(int size) { return shortcuts[static_cast<std::size_t>(size)]; }
Shape kept(int size) {
  const Shortcut& s = shortcut_of(size);
  return {s.x[0], (s.x[1] + s.stride - 1) / s.stride, (s.x[2] + s.stride - 1) / s.stride, s.channels};
}
/// each(element of the larger picture, element of the smaller one)
template <class Each>
void over_kept(const Shape& large, const Shape& small, std::int64_t stride, const Each& each) {
  for (std::int64_t s = 0; s < small[0]; ++s)
    for (std::int64_t p = 0; p < small[1]; ++p)
      for (std::int64_t q = 0; q < small[2]; ++q)
        for (std::int64_t c = 0; c < large[3]; ++c)
          each(((s * large[1] + p * stride) * large[2] + q * stride) * large[3] + c,
               ((s * small[1] + p) * small[2] + q) * small[3] + c);
}

}  // namespace

std::vector<Row> pool_rows() {
  return {
      select_row("max_pool", Values::distinct, true),
      select_row("pool_select", Values::distinct, false),
      scatter_row("pool_scatter", Values::distinct),
      select_row("max_pool, of many equals", Values::positive, true),
      select_row("pool_select, of many equals", Values::positive, false),
      scatter_row("pool_scatter, of many equals", Values::positive),
      select_row("max_pool, of some NaN", Values::some_nan, true),
      select_row("pool_select, of some NaN", Values::some_nan, false),
      scatter_row("pool_scatter, of some NaN", Values::some_nan),
      {.name = "average_pixels",
       .primitive = &average_pixels_p,
       .kernels = {"average_pixels"},
       .sizes = poolings_count,
       .inputs = [](int size) { return std::vector<In>{{of(size).x}}; },
       .attributes = none,
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               const std::int64_t pixels = in[0].shape[1] * in[0].shape[2], n = out.shape[1];
               for_elements(out.shape, [&](auto s, auto c) {
                 double sum = 0;
                 for (std::int64_t p = 0; p < pixels; ++p)
                   sum = sum + static_cast<double>(in[0].as<T>()[(s * pixels + p) * n + c]);
                 out.as<T>()[s * n + c] = static_cast<T>(sum / static_cast<double>(pixels));
               });
             });
           }},
      {.name = "spread_pixels",
       .primitive = &spread_pixels_p,
       .kernels = {"spread_pixels"},
       .sizes = poolings_count,
       .inputs =
           [](int size) {
             return std::vector<In>{{{of(size).x[0], of(size).x[3]}}};
           },
       .attributes =
           [](int size) {
             return PixelAttributes{1, of(size).x[1], of(size).x[2], 0};
           },
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) {
               const std::int64_t pixels = out.shape[1] * out.shape[2], n = out.shape[3];
               for (std::int64_t i = 0; i < out.shape.elements(); ++i)
                 out.as<T>()[i] = in[0].as<T>()[i / n / pixels * n + i % n] / static_cast<T>(pixels);
             });
           }},
      {.name = "shortcut",
       .primitive = &shortcut_p,
       .kernels = {"shortcut"},
       .sizes = std::size(shortcuts),
       .inputs = [](int size) { return std::vector<In>{{shortcut_of(size).x}}; },
       .attributes =
           [](int size) {
             return PixelAttributes{shortcut_of(size).stride, 0, 0, shortcut_of(size).channels};
           },
       .reference =
           [](Views in, const View& out, const Attributes& a) {
             with_real(out.dtype, [&]<class T>(T) {
               std::ranges::fill(out.span<T>(), T(0));
               over_kept(in[0].shape, out.shape, a.as<PixelAttributes>().stride,
                         [&](auto large, auto small) { out.as<T>()[small] = in[0].as<T>()[large]; });
             });
           }},
      {.name = "shortcut_transposed",
       .primitive = &shortcut_transposed_p,
       .kernels = {"shortcut_transposed"},
       .sizes = std::size(shortcuts),
       .inputs = [](int size) { return std::vector<In>{{kept(size)}}; },
       .attributes =
           [](int size) {
             const Shape& x = shortcut_of(size).x;
             return PixelAttributes{shortcut_of(size).stride, x[1], x[2], x[3]};
           },
       .reference =
           [](Views in, const View& out, const Attributes& a) {
             with_real(out.dtype, [&]<class T>(T) {
               std::ranges::fill(out.span<T>(), T(0));
               over_kept(out.shape, in[0].shape, a.as<PixelAttributes>().stride,
                         [&](auto large, auto small) { out.as<T>()[large] = in[0].as<T>()[small]; });
             });
           }},
      {.name = "reshape",
       .primitive = &reshape_p,
       .kernels = {},
       .sizes = poolings_count,
       .inputs = [](int size) { return std::vector<In>{{of(size).x}}; },
       .attributes =
           [](int size) {
             return ShapeAttributes{{of(size).x[0], of(size).x.row_elements(), 1, 1, 1}, 2};
           },
       .reference =
           [](Views in, const View& out, const Attributes&) {
             with_real(out.dtype, [&]<class T>(T) { std::ranges::copy(in[0].span<T>(), out.as<T>()); });
           }},
  };
}

}  // namespace brink::cases

// SPDX-License-Identifier: MIT
// Pooling and shortcuts on the CPU. Only max pooling is compiled per instruction set: the others copy, or run once at the end
// of a network.
#include <algorithm>

#include "kernels/isa.h"
#include "kernels/pool/pool.h"
#include "kernels/pool/pool_isa.h"

namespace brink::cpu {

using std::int64_t;

namespace {

PoolExtents extents_of(const Shape& x, const Shape& y) { return {x[0], x[1], x[2], x[3], y[1], y[2]}; }

void select(View out, View x, const View* t, PoolWindows windows) {
  with_real(x.dtype, [&]<class T>(T) {
    with_isa([&]<class I>(I) {
      pool_select_isa<I, T>(extents_of(x.shape, out.shape), windows, x.as<T>(), t ? t->as<T>() : nullptr, out.as<T>());
    });
  });
}

/// body(pixel of the smaller picture, pixel of the larger one), both numbered over all samples.
template <class Body>
void over_kept_pixels(const Shape& small, const Shape& large, int64_t stride, const Body& body) {
  int64_t from = 0;
  for (int64_t s = 0; s < small[0]; ++s)
    for (int64_t p = 0; p < small[1]; ++p)
      for (int64_t q = 0; q < small[2]; ++q) body(from++, (s * large[1] + p * stride) * large[2] + q * stride);
}

}  // namespace

void max_pool(Device&, View y, View x, PoolWindows windows) { select(y, x, nullptr, windows); }
void pool_select(Device&, View out, View x, View t, PoolWindows windows) { select(out, x, &t, windows); }

void pool_scatter(Device&, View out, View x, View d, PoolWindows windows) {
  with_real(x.dtype, [&]<class T>(T) {
    with_isa([&]<class I>(I) {
      pool_scatter_isa<I, T>(extents_of(x.shape, d.shape), windows, x.as<T>(), d.as<T>(), out.as<T>());
    });
  });
}

void average_pixels(Device&, View out, View x) {
  with_real(x.dtype, [&]<class T>(T) {
    const int64_t samples = x.shape[0], pixels = x.shape[1] * x.shape[2], n = x.shape[3];
    constexpr int64_t block = 64;
    for (int64_t s = 0; s < samples; ++s)
      for (int64_t c0 = 0; c0 < n; c0 += block) {
        const int64_t width = std::min(block, n - c0);
        double sum[block] = {};
        for (int64_t p = 0; p < pixels; ++p) {
          const T* const from = x.as<T>() + (s * pixels + p) * n + c0;
          for (int64_t c = 0; c < width; ++c) sum[c] += static_cast<double>(from[c]);
        }
        for (int64_t c = 0; c < width; ++c)
          out.as<T>()[s * n + c0 + c] = static_cast<T>(sum[c] / static_cast<double>(pixels));
      }
  });
}

void spread_pixels(Device&, View out, View d) {
  with_real(d.dtype, [&]<class T>(T) {
    const int64_t samples = out.shape[0], pixels = out.shape[1] * out.shape[2], n = out.shape[3];
    T* to = out.as<T>();
    for (int64_t s = 0; s < samples; ++s) {
      const T* const from = d.as<T>() + s * n;
      for (int64_t c = 0; c < n; ++c) to[c] = from[c] / static_cast<T>(pixels);
      for (int64_t p = 1; p < pixels; ++p) std::copy_n(to, n, to + p * n);
      to += pixels * n;
    }
  });
}

void shortcut(Device&, View out, View x, int64_t stride) {
  with_real(x.dtype, [&]<class T>(T) {
    const int64_t n = x.shape[3], k = out.shape[3];
    over_kept_pixels(out.shape, x.shape, stride, [&](int64_t to, int64_t from) {
      std::copy_n(x.as<T>() + from * n, n, out.as<T>() + to * k);
      std::fill_n(out.as<T>() + to * k + n, k - n, T(0));
    });
  });
}

void shortcut_transposed(Device&, View out, View d, int64_t stride) {
  with_real(d.dtype, [&]<class T>(T) {
    const int64_t n = out.shape[3], k = d.shape[3];
    std::fill_n(out.as<T>(), out.shape.elements(), T(0));
    over_kept_pixels(d.shape, out.shape, stride,
                     [&](int64_t from, int64_t to) { std::copy_n(d.as<T>() + from * k, n, out.as<T>() + to * n); });
  });
}

}  // namespace brink::cpu

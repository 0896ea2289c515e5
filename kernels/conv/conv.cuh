// SPDX-License-Identifier: MIT
// What it is: the convolutions on the GPU, one thread for each element of the result; contracts in conv.h.
// What it is not: tiled. Decision: none yet on speed; the order of every chain is the contract's.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/conv/conv.h"
#include "kernels/cuda/access.cuh"
#include "kernels/reduce/tree.h"

namespace brink::cuda {

/// a₁, b₁, a₂, b₂, … by value.
template <class T>
struct ConvPairs {
  const T* a[max_factor_pairs];
  const T* b[max_factor_pairs];
  std::int32_t count;
};

template <class T>
__global__ void conv2d_kernel(T* y, ConvShape f, ConvPairs<T> pairs, Finish<T> finish) {
  const std::int64_t e = thread_index();
  if (e >= f.n * f.p * f.q * f.k) return;
  const std::int64_t k = e % f.k, q = e / f.k % f.q, p = e / f.k / f.q % f.p, n = e / f.k / f.q / f.p;
  T acc = T(0);
  for (int i = 0; i < pairs.count; ++i)
    for (std::int64_t r = 0; r < f.r; ++r)
      for (std::int64_t s = 0; s < f.s; ++s) {
        const std::int64_t h = p * f.stride - f.padding + r, w = q * f.stride - f.padding + s;
        if (h < 0 || h >= f.h || w < 0 || w >= f.w) continue;
        for (std::int64_t c = 0; c < f.c; ++c)
          acc = std::fma(pairs.a[i][((n * f.h + h) * f.w + w) * f.c + c],
                         pairs.b[i][((r * f.s + s) * f.c + c) * f.k + k], acc);
      }
  y[e] = finish(acc + T(0), e, k);
}

template <class T>
__global__ void conv2d_input_gradient_kernel(T* x, ConvShape f, ConvPairs<T> pairs, Finish<T> finish) {
  const std::int64_t e = thread_index();
  if (e >= f.n * f.h * f.w * f.c) return;
  const std::int64_t c = e % f.c, w = e / f.c % f.w, h = e / f.c / f.w % f.h, n = e / f.c / f.w / f.h;
  T acc = T(0);
  for (int i = 0; i < pairs.count; ++i)
    for (std::int64_t r = f.r - 1; r >= 0; --r)
      for (std::int64_t s = f.s - 1; s >= 0; --s) {
        const std::int64_t up = h + f.padding - r, left = w + f.padding - s;
        if (up < 0 || left < 0 || up % f.stride != 0 || left % f.stride != 0) continue;
        const std::int64_t p = up / f.stride, q = left / f.stride;
        if (p >= f.p || q >= f.q) continue;
        for (std::int64_t k = 0; k < f.k; ++k)
          acc = std::fma(pairs.a[i][((n * f.p + p) * f.q + q) * f.k + k],
                         pairs.b[i][((r * f.s + s) * f.c + c) * f.k + k], acc);
      }
  x[e] = finish(acc + T(0), e, c);
}

template <class T>
__global__ void conv2d_weight_gradient_kernel(T* to, ConvShape f, GroupedPanels all, ConvPairs<T> pairs) {
  const std::int64_t e = thread_index();
  if (e >= f.r * f.s * f.c * f.k) return;
  const std::int64_t k = e % f.k, c = e / f.k % f.c, s = e / f.k / f.c % f.s, r = e / f.k / f.c / f.s;
  TreeCounter<T> groups;
  for (std::int64_t g = 0; g < all.groups(); ++g) {
    TreeCounter<T> panels;
    for (std::int64_t panel = 0; panel < all.count(g); ++panel) {
      const Panels::Rows rows = all.rows(g, panel);
      T acc = T(0);
      for (int i = 0; i < pairs.count; ++i)
        for (std::int64_t row = rows.begin; row < rows.end; ++row) {
          const std::int64_t n = row / (f.p * f.q), p = row / f.q % f.p, q = row % f.q;
          const std::int64_t h = p * f.stride - f.padding + r, w = q * f.stride - f.padding + s;
          if (h < 0 || h >= f.h || w < 0 || w >= f.w) continue;
          acc = std::fma(pairs.a[i][((n * f.h + h) * f.w + w) * f.c + c], pairs.b[i][row * f.k + k], acc);
        }
      panels.push(acc + T(0));
    }
    groups.push(panels.total());
  }
  to[e] = groups.total();
}

}  // namespace brink::cuda

// SPDX-License-Identifier: MIT
// The order contracts of the convolutions and of sums over pixels as plain loops. They share nothing with the kernels: the cut
// into panels is written out here again.
#pragma once

#include "tests/reference/reference.h"

namespace brink::reference {

/// Σ over rows (sample, pixel): leaf(first, last) for each panel; panels of a group join by the tree, then groups.
template <class T>
T over_panels(int64_t samples, int64_t group, int64_t pixels,
              const std::function<T(int64_t first_row, int64_t last_row)>& leaf) {
  return over_groups<T>(samples, group, [&](int64_t first, int64_t last) {
    std::vector<T> leaves;
    if (pixels > 256) {
      for (int64_t n = first; n < last; ++n)
        for (int64_t pixel = 0; pixel < pixels; pixel += 256)
          leaves.push_back(leaf(n * pixels + pixel, n * pixels + std::min<int64_t>(pixel + 256, pixels)));
    } else {
      const int64_t whole = 256 / pixels;
      for (int64_t n = first; n < last; n += whole)
        leaves.push_back(leaf(n * pixels, std::min(n + whole, last) * pixels));
    }
    return tree<T>(leaves);
  });
}

/// Calls f(input row or −1 outside, output row) for the pixel (p, q) of sample n at tap (r, s). x [N,H,W,C], d [N,P,Q,K]
inline int64_t input_row(const Shape& x, int64_t n, int64_t h, int64_t w) {
  return h < 0 || w < 0 || h >= x[1] || w >= x[2] ? -1 : (n * x[1] + h) * x[2] + w;
}

template <class T>
void conv2d(std::span<const View> in, const View& out, int64_t stride, int64_t padding) {
  const Shape &xs = in[0].shape, &ws = in[1].shape, &ys = out.shape;
  T* y = out.as<T>();
  for (int64_t n = 0; n < ys[0]; ++n)
    for (int64_t p = 0; p < ys[1]; ++p)
      for (int64_t q = 0; q < ys[2]; ++q)
        for (int64_t k = 0; k < ys[3]; ++k) {
          T acc = 0;
          for (std::size_t i = 0; i < in.size(); i += 2)
            for (int64_t r = 0; r < ws[0]; ++r)
              for (int64_t s = 0; s < ws[1]; ++s) {
                const int64_t row = input_row(xs, n, p * stride - padding + r, q * stride - padding + s);
                if (row < 0) continue;
                for (int64_t c = 0; c < xs[3]; ++c)
                  acc = std::fma(in[i].as<T>()[row * xs[3] + c],
                                 in[i + 1].as<T>()[((r * ws[1] + s) * ws[2] + c) * ws[3] + k], acc);
              }
          *y++ = acc + T(0);
        }
}

template <class T>
void conv2d_input_gradient(std::span<const View> in, const View& out, int64_t stride, int64_t padding) {
  const Shape &ds = in[0].shape, &ws = in[1].shape, &xs = out.shape;
  T* x = out.as<T>();
  for (int64_t n = 0; n < xs[0]; ++n)
    for (int64_t h = 0; h < xs[1]; ++h)
      for (int64_t w = 0; w < xs[2]; ++w)
        for (int64_t c = 0; c < xs[3]; ++c) {
          T acc = 0;
          for (std::size_t i = 0; i < in.size(); i += 2)
            for (int64_t p = 0; p < ds[1]; ++p)
              for (int64_t q = 0; q < ds[2]; ++q) {
                const int64_t r = h + padding - p * stride, s = w + padding - q * stride;
                if (r < 0 || s < 0 || r >= ws[0] || s >= ws[1]) continue;
                for (int64_t k = 0; k < ds[3]; ++k)
                  acc = std::fma(in[i].as<T>()[((n * ds[1] + p) * ds[2] + q) * ds[3] + k],
                                 in[i + 1].as<T>()[((r * ws[1] + s) * ws[2] + c) * ws[3] + k], acc);
              }
          *x++ = acc + T(0);
        }
}

template <class T>
void conv2d_weight_gradient(std::span<const View> in, const View& out, int64_t stride, int64_t padding, int64_t group) {
  const Shape &xs = in[0].shape, &ds = in[1].shape, &ws = out.shape;
  const int64_t pixels = ds[1] * ds[2];
  T* w = out.as<T>();
  for (int64_t r = 0; r < ws[0]; ++r)
    for (int64_t s = 0; s < ws[1]; ++s)
      for (int64_t c = 0; c < ws[2]; ++c)
        for (int64_t k = 0; k < ws[3]; ++k)
          *w++ = over_panels<T>(xs[0], group, pixels, [&](int64_t first, int64_t last) {
            T acc = 0;
            for (std::size_t i = 0; i < in.size(); i += 2)
              for (int64_t d = first; d < last; ++d) {
                const int64_t p = d % pixels / ds[2], q = d % ds[2];
                const int64_t row = input_row(xs, d / pixels, p * stride - padding + r, q * stride - padding + s);
                if (row >= 0) acc = std::fma(in[i].as<T>()[row * xs[3] + c], in[i + 1].as<T>()[d * ds[3] + k], acc);
              }
            return acc + T(0);
          });
}

template <class T>
void sum_pixels(const View& d, const View& out, int64_t group) {
  const int64_t k = d.shape[3];
  for (int64_t j = 0; j < k; ++j)
    out.as<T>()[j] = over_panels<T>(d.shape[0], group, d.shape[1] * d.shape[2], [&](int64_t first, int64_t last) {
      T acc = 0;
      for (int64_t s = first; s < last; ++s) acc = acc + d.as<T>()[s * k + j];
      return acc + T(0);
    });
}

}  // namespace brink::reference

// SPDX-License-Identifier: MIT
// What it is: the convolutions on vector registers, compiled once per instruction set.
#include "kernels/conv/conv_isa.h"
#include "kernels/isa.h"
#include "kernels/reduce/tree.h"
#include "kernels/simd.h"

namespace brink::cpu {

using std::int64_t;

template <class Isa, class T>
void conv2d_isa(const ConvCall<T>& x) {
  using V = Vec<Isa, T>;
  const ConvShape& f = x.shape;
  for (int64_t n = 0; n < f.n; ++n)
    for (int64_t p = 0; p < f.p; ++p)
      for (int64_t q = 0; q < f.q; ++q)
        for (int64_t k = 0; k < f.k; k += lanes<Isa, T>) {
          const auto exist = static_cast<int>(f.k - k < lanes<Isa, T> ? f.k - k : lanes<Isa, T>);
          V acc{};
          for (int i = 0; i < x.pairs; ++i)
            for (int64_t r = 0; r < f.r; ++r)
              for (int64_t s = 0; s < f.s; ++s) {
                const int64_t h = p * f.stride - f.padding + r, w = q * f.stride - f.padding + s;
                if (h < 0 || h >= f.h || w < 0 || w >= f.w) continue;
                const T* a = x.a[static_cast<std::size_t>(i)] + ((n * f.h + h) * f.w + w) * f.c;
                const T* b = x.b[static_cast<std::size_t>(i)] + (r * f.s + s) * f.c * f.k + k;
                for (int64_t c = 0; c < f.c; ++c) acc = fma(broadcast<V>(a[c]), load_first<V>(b + c * f.k, exist), acc);
              }
          store_first(x.out + ((n * f.p + p) * f.q + q) * f.k + k, acc + V{}, exist);
        }
}

template <class Isa, class T>
void conv2d_input_gradient_isa(const ConvCall<T>& x) {
  using V = Vec<Isa, T>;
  const ConvShape& f = x.shape;
  for (int i = 0; i < x.pairs; ++i)
    for (int64_t t = 0; t < f.r * f.s; ++t)
      for (int64_t c = 0; c < f.c; ++c)
        for (int64_t k = 0; k < f.k; ++k)
          x.scratch[((i * f.r * f.s + t) * f.k + k) * f.c + c] =
              x.b[static_cast<std::size_t>(i)][(t * f.c + c) * f.k + k];
  for (int64_t n = 0; n < f.n; ++n)
    for (int64_t h = 0; h < f.h; ++h)
      for (int64_t w = 0; w < f.w; ++w)
        for (int64_t c = 0; c < f.c; c += lanes<Isa, T>) {
          const auto exist = static_cast<int>(f.c - c < lanes<Isa, T> ? f.c - c : lanes<Isa, T>);
          V acc{};
          for (int i = 0; i < x.pairs; ++i)
            for (int64_t r = f.r - 1; r >= 0; --r)
              for (int64_t s = f.s - 1; s >= 0; --s) {
                const int64_t up = h + f.padding - r, left = w + f.padding - s;
                if (up < 0 || left < 0 || up % f.stride != 0 || left % f.stride != 0) continue;
                const int64_t p = up / f.stride, q = left / f.stride;
                if (p >= f.p || q >= f.q) continue;
                const T* a = x.a[static_cast<std::size_t>(i)] + ((n * f.p + p) * f.q + q) * f.k;
                const T* b = x.scratch + ((i * f.r + r) * f.s + s) * f.k * f.c + c;
                for (int64_t k = 0; k < f.k; ++k) acc = fma(broadcast<V>(a[k]), load_first<V>(b + k * f.c, exist), acc);
              }
          store_first(x.out + ((n * f.h + h) * f.w + w) * f.c + c, acc + V{}, exist);
        }
}

template <class Isa, class T>
void conv2d_weight_gradient_isa(const ConvCall<T>& x) {
  using V = Vec<Isa, T>;
  const ConvShape& f = x.shape;
  const GroupedPanels all = f.panels(x.group);
  for (int64_t r = 0; r < f.r; ++r)
    for (int64_t s = 0; s < f.s; ++s)
      for (int64_t c = 0; c < f.c; ++c)
        for (int64_t k = 0; k < f.k; k += lanes<Isa, T>) {
          const auto exist = static_cast<int>(f.k - k < lanes<Isa, T> ? f.k - k : lanes<Isa, T>);
          TreeCounter<V> groups;
          for (int64_t g = 0; g < all.groups(); ++g) {
            TreeCounter<V> panels;
            for (int64_t panel = 0; panel < all.count(g); ++panel) {
              const Panels::Rows rows = all.rows(g, panel);
              V acc{};
              for (int i = 0; i < x.pairs; ++i)
                for (int64_t row = rows.begin; row < rows.end; ++row) {
                  const int64_t n = row / (f.p * f.q), p = row / f.q % f.p, q = row % f.q;
                  const int64_t h = p * f.stride - f.padding + r, w = q * f.stride - f.padding + s;
                  if (h < 0 || h >= f.h || w < 0 || w >= f.w) continue;
                  const T a = x.a[static_cast<std::size_t>(i)][((n * f.h + h) * f.w + w) * f.c + c];
                  acc =
                      fma(broadcast<V>(a), load_first<V>(x.b[static_cast<std::size_t>(i)] + row * f.k + k, exist), acc);
                }
              panels.push(acc + V{});
            }
            groups.push(panels.total());
          }
          store_first(x.out + ((r * f.s + s) * f.c + c) * f.k + k, groups.total(), exist);
        }
}

template void conv2d_isa<ThisIsa, float>(const ConvCall<float>&);
template void conv2d_isa<ThisIsa, double>(const ConvCall<double>&);
template void conv2d_input_gradient_isa<ThisIsa, float>(const ConvCall<float>&);
template void conv2d_input_gradient_isa<ThisIsa, double>(const ConvCall<double>&);
template void conv2d_weight_gradient_isa<ThisIsa, float>(const ConvCall<float>&);
template void conv2d_weight_gradient_isa<ThisIsa, double>(const ConvCall<double>&);

}  // namespace brink::cpu

// SPDX-License-Identifier: MIT
// The order contract of every kernel as plain loops, which the kernels must equal to the last bit. They share nothing with the
// kernels and are compiled without vector instructions.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "kernels/view.h"

namespace brink::reference {

using std::int64_t;

/// T(n): T(1) = leaf, T(n) = T(p) + T(n−p), p the largest power of two below n; written as the recursion that defines it.
template <class T>
T tree(std::span<const T> leaves) {
  if (leaves.size() == 1) return leaves[0];
  std::size_t p = 1;
  while (2 * p < leaves.size()) p *= 2;
  return tree(leaves.first(p)) + tree(leaves.subspan(p));
}

/// Σ over samples: leaf(first, last) for each group, joined by the tree.
template <class T>
T over_groups(int64_t samples, int64_t group, const std::function<T(int64_t first, int64_t last)>& leaf) {
  std::vector<T> leaves;
  for (int64_t s = 0; s < samples; s += group) leaves.push_back(leaf(s, s + group < samples ? s + group : samples));
  return tree<T>(leaves);
}

template <class T>
void matmul(std::span<const View> in, const View& out, bool transpose_b) {
  const int64_t m = out.shape[0], n = out.shape[1];
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      T acc = 0;
      for (std::size_t p = 0; p < in.size(); p += 2) {
        const int64_t depth = in[p].shape[1];
        const T *a = in[p].as<T>(), *b = in[p + 1].as<T>();
        for (int64_t k = 0; k < depth; ++k)
          acc = std::fma(a[i * depth + k], transpose_b ? b[j * depth + k] : b[k * n + j], acc);
      }
      out.as<T>()[i * n + j] = acc + T(0);
    }
}

template <class T>
void weight_gradient(std::span<const View> in, const View& out, int64_t group) {
  const int64_t samples = in[0].shape[0], k = out.shape[0], n = out.shape[1];
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j)
      out.as<T>()[i * n + j] = over_groups<T>(samples, group, [&](int64_t first, int64_t last) {
        T acc = 0;
        for (std::size_t p = 0; p < in.size(); p += 2)
          for (int64_t s = first; s < last; ++s)
            acc = std::fma(in[p].as<T>()[s * k + i], in[p + 1].as<T>()[s * n + j], acc);
        return acc + T(0);
      });
}

template <class T>
void sum_samples(const View& d, const View& out, int64_t group) {
  const int64_t n = out.shape.elements();
  for (int64_t j = 0; j < n; ++j)
    out.as<T>()[j] = over_groups<T>(d.shape[0], group, [&](int64_t first, int64_t last) {
      T acc = 0;
      for (int64_t s = first; s < last; ++s) acc = acc + d.as<T>()[s * n + j];
      return acc + T(0);
    });
}

template <class T>
void sample_dot(std::span<const View> in, const View& out, int64_t group) {
  const int64_t n = in[0].shape[1];
  *out.as<double>() = over_groups<double>(in[0].shape[0], group, [&](int64_t first, int64_t last) {
    double chain = 0;
    for (int64_t s = first; s < last; ++s) {
      double sample = 0;
      for (std::size_t p = 0; p < in.size(); p += 2)
        for (int64_t c = 0; c < n; ++c)
          sample = std::fma(static_cast<double>(in[p].as<T>()[s * n + c]),
                            static_cast<double>(in[p + 1].as<T>()[s * n + c]), sample);
      chain = chain + sample;
    }
    return chain;
  });
}

}  // namespace brink::reference

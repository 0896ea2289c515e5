// SPDX-License-Identifier: MIT
// The functions of matmul that are compiled once per instruction set (matmul_simd.cpp).
#pragma once

#include <array>
#include <cstdint>

#include "kernels/epilogue/epilogue.h"
#include "kernels/matmul/matmul.h"

namespace brink::cpu {

template <class T>
struct Product {
  const T* a;
  const T* b;
  std::int64_t k;
};

template <class T>
struct MatmulCall {
  std::int64_t m, n;
  T* c;
  std::array<Product<T>, max_factor_pairs> products;
  int pairs;
  bool transpose_b;
  Finish<T> finish;
  T* scratch;
};

template <class T>
struct WeightGradientCall {
  std::int64_t samples, k, n, group;
  T* w;
  std::array<Product<T>, max_factor_pairs> products;  // a = X, b = D, k unused
  int pairs;
  T* scratch;
};

/// The rows of B (or of a group's D) packed at once. Packed rows are padded to two of the widest vectors.
inline constexpr std::int64_t k_block = 256;
/// The rows of A that are finished for one k-block before the next one: they stay in the second-level cache for all panels of
/// B.
inline constexpr std::int64_t row_block = 256;
inline constexpr std::int64_t packed_a_from_columns = 256;
constexpr std::int64_t padded_columns(std::int64_t n, std::int64_t element_bytes) {
  const std::int64_t per_panel = 128 / element_bytes;
  return (n + per_panel - 1) / per_panel * per_panel;
}
/// The levels of the tree of `groups` leaves that are kept in memory.
constexpr int tree_levels(std::int64_t groups) {
  int levels = 0;
  while ((std::int64_t{1} << levels) < groups) ++levels;
  return levels;
}

template <class Isa, class T>
void matmul_isa(const MatmulCall<T>&);
template <class Isa, class T>
void weight_gradient_isa(const WeightGradientCall<T>&);
template <class Isa, class T>
void sum_samples_isa(const GroupedPanels&, std::int64_t n, const T* d, T* b, T* scratch);

}  // namespace brink::cpu

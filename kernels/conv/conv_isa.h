// SPDX-License-Identifier: MIT
// The functions of conv that are compiled once per instruction set (conv_simd.cpp, conv_weights_simd.cpp).
#pragma once

#include <array>
#include <cstdint>

#include "kernels/conv/conv.h"

namespace brink::cpu {

template <class T>
struct ConvCall {
  ConvShape shape;
  T* out;
  std::array<const T*, max_factor_pairs> a, b;
  int pairs;
  Finish<T> finish;    // unused by weight gradients
  std::int64_t block;  // pictures that are worked on together
  T* scratch;
};

/// Packs the weights into scratch as the sweeps read them. Not needed where they already have that layout.
template <class Isa, class T>
void conv2d_pack_isa(const ConvCall<T>&);
template <class Isa, class T>
void conv2d_input_gradient_pack_isa(const ConvCall<T>&);

/// Computes pictures first … last−1 of the result.
template <class Isa, class T>
void conv2d_isa(const ConvCall<T>&, std::int64_t first, std::int64_t last);
template <class Isa, class T>
void conv2d_input_gradient_isa(const ConvCall<T>&, std::int64_t first, std::int64_t last);

/// The panels of a group are taken in chunks of at most 2^chunk_levels consecutive ones. So x and d stay in the
/// second-level cache for all tiles of the weights, and the lowest levels of the tree in the first.
inline constexpr int chunk_levels = 6;

/// One chunk: panels first … last−1 of a group; its number is `index` of `count`.
template <class T>
struct WeightChunk {
  const ConvCall<T>* call;
  GroupedPanels panels;
  std::int64_t group, first, last, index, count;
  T* packed;          ///< d of the chunk, pair by pair
  T* waiting_chunks;  ///< levels of the tree over chunks, each of all weights, `columns` a row
  T* waiting_groups;
  std::int64_t columns;
};

template <class Isa, class T>
void conv2d_weight_gradient_pack_isa(const WeightChunk<T>&);
/// The number of tiles into which the weights are cut.
template <class Isa, class T>
std::int64_t conv2d_weight_tiles_isa(const ConvShape&);
/// Adds the chunk to tiles first … last−1.
template <class Isa, class T>
void conv2d_weight_gradient_isa(const WeightChunk<T>&, std::int64_t first, std::int64_t last);

}  // namespace brink::cpu

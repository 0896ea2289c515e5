// SPDX-License-Identifier: MIT
// The functions of reduce that are compiled once per instruction set (reduce_simd.cpp); other folders call reduce.h.
#pragma once

#include <cstdint>

namespace brink::cpu {

/// partial[t − first] = the sum of tile t of x, for t in [first, last); x has n elements.
template <class Isa, class T>
void sum_tiles(const T* x, std::int64_t n, std::int64_t first, std::int64_t last, T* partial);

/// partial[t − first] = the dot of tile t.
template <class Isa, class T>
void dot_tiles(const T* a, const T* b, std::int64_t n, std::int64_t first, std::int64_t last, double* partial);

/// Columns [begin, end) of: out = T over `count` rows of `width` elements; rows are overwritten.
template <class Isa, class T>
void tree_add_columns(T* rows, std::int64_t count, std::int64_t width, std::int64_t begin, std::int64_t end, T* out);

}  // namespace brink::cpu

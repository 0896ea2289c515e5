// SPDX-License-Identifier: MIT
// The parts of basis that are compiled once per instruction set (basis_simd.cpp); other folders call basis.h.
#pragma once

#include <cstdint>

namespace brink::cpu {

/// partial[i·tiles + t] = dot of tile t of column i with w, for t in [first, last).
template <class Isa, class T>
void project_tiles(const T* q, std::int64_t stride, int columns, const T* w, std::int64_t n, std::int64_t first,
                   std::int64_t last, double* partial, std::int64_t tiles);

/// `subtract` on elements [begin, end).
template <class Isa, class T>
void subtract_range(const T* q, std::int64_t stride, int columns, const double* c, const T* x, T* w, std::int64_t begin,
                    std::int64_t end);

/// The same on tiles [first, last), and partial[t − first] = the dot of w's tile t with itself.
template <class Isa, class T>
void subtract_tiles(const T* q, std::int64_t stride, int columns, const double* c, const T* x, T* w, std::int64_t n,
                    std::int64_t first, std::int64_t last, double* partial);

/// `combine` on elements [begin, end); s is [columns × outputs].
template <class Isa, class T>
void combine_range(const T* q, std::int64_t stride, int columns, const double* s, int outputs, T* y,
                   std::int64_t y_stride, std::int64_t begin, std::int64_t end);

template <class Isa, class T>
void scale_range(const T* x, double factor, T* y, std::int64_t begin, std::int64_t end);

/// max |xₑ|, NaNs passed over; +0 for n = 0.
template <class Isa, class T>
T max_size(const T* x, std::int64_t n);

}  // namespace brink::cpu

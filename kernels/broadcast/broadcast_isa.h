// SPDX-License-Identifier: MIT
// The function of broadcast that is compiled once per instruction set (broadcast_simd.cpp).
#pragma once

#include <cstdint>

namespace brink::cpu {

template <class Isa, class T>
void add_row_isa(std::int64_t rows, std::int64_t n, const T* x, const T* b, T* out);

}  // namespace brink::cpu

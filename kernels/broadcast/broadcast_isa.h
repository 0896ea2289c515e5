// SPDX-License-Identifier: MIT
// What it is: the per-instruction-set entry point of this room, defined in broadcast_simd.cpp. Not for use elsewhere.
#pragma once

#include <cstdint>

namespace brink::cpu {

template <class Isa, class T>
void add_row_isa(std::int64_t rows, std::int64_t n, const T* x, const T* b, T* out);

}  // namespace brink::cpu

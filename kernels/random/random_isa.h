// SPDX-License-Identifier: MIT
// The functions of random that are compiled once per instruction set (random_simd.cpp).
#pragma once

#include <cstdint>

#include "kernels/random/key.h"

namespace brink::cpu {

/// Elements [begin, end) of the stream to out[0 …].
template <class Isa, class T>
void fill_normal_isa(T* out, std::int64_t begin, std::int64_t end, const RandomKey& key, double scale);
template <class Isa, class T>
void fill_uniform_isa(T* out, std::int64_t begin, std::int64_t end, const RandomKey& key);

}  // namespace brink::cpu

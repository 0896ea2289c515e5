// SPDX-License-Identifier: MIT
// What it is: the loops of random_simd.cpp as random_cpu.cpp sees them. What it is not: for anyone else.
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

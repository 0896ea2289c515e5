// SPDX-License-Identifier: MIT
// Arrays of random numbers, by element index.
// Element i is a function of (key, i) alone, so neither threads nor the order of calls affect the result.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/device.h"
#include "kernels/random/key.h"
#include "kernels/view.h"

namespace brink::cpu {

/// out[i] = T(scale · z(i)), z normal with mean 0 and variance 1.
/// Shapes       any; i counts row-major from `first_element`
/// Layout       contiguous, float32 or float64
/// Arithmetic   z in float64 by Box–Muller from our own log, sine and cosine (philox.h); one product; rounded to T
/// Aliasing     none
/// Errors       none
/// Cost         half a Philox block, half a log, half a sine and a cosine per element (docs/experiments.md)
/// Source       Box, Muller, A note on the generation of random normal deviates, 1958
void fill_normal(Device&, View out, RandomKey key, double scale, std::int64_t first_element = 0);

/// out[i] uniform in the open interval (0, 1): (k + ½)·2^−52 for float64, (k + ½)·2^−23 for float32, k the top bits of the
/// same 64-bit word. Otherwise like fill_normal.
void fill_uniform(Device&, View out, RandomKey key, std::int64_t first_element = 0);

}  // namespace brink::cpu

namespace brink::cuda {
void fill_normal(Device&, View out, RandomKey key, double scale, std::int64_t first_element = 0);
void fill_uniform(Device&, View out, RandomKey key, std::int64_t first_element = 0);
}  // namespace brink::cuda

namespace brink {

inline void fill_normal(Device& d, View out, RandomKey key, double scale, std::int64_t first_element = 0) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::fill_normal(d, out, key, scale, first_element);
  cpu::fill_normal(d, out, key, scale, first_element);
}
inline void fill_uniform(Device& d, View out, RandomKey key, std::int64_t first_element = 0) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::fill_uniform(d, out, key, first_element);
  cpu::fill_uniform(d, out, key, first_element);
}

/// A permutation of 0 … n−1, n ≤ 2^31 − 1: the indices sorted by their 64-bit random words, equal words by index.
std::vector<std::int32_t> permutation(RandomKey key, std::int32_t n);
/// An index with the random word by which it is sorted.
struct RankedIndex {
  std::uint64_t word;
  std::int32_t index;
};
/// The same permutation, n = out.size(), into memory of the caller. Allocates nothing.
void permute(RandomKey key, std::span<RankedIndex> out);

/// z(i) of fill_normal, one element.
double normal_at(RandomKey key, std::int64_t element);
/// The float64 element of fill_uniform, one element.
double uniform_at(RandomKey key, std::int64_t element);

}  // namespace brink

// SPDX-License-Identifier: MIT
// Philox4x32-10, and the numbers made of one of its blocks: two uniform numbers, or two normal ones. A block is a pure function
// of seed, stream and position, so any thread of any device can make any element alone.
// It has internal linkage, because this is compiled once per instruction set (isa.h).
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/functions/elementary.h"
#include "kernels/hd.h"
#include "kernels/random/key.h"

namespace brink {
namespace {

/// Four 32-bit words, each in the low half of a 64-bit one, as vector registers multiply them.
struct PhiloxWords {
  std::uint64_t w0, w1, w2, w3;
};

/// The last `rounds` rounds of Philox4x32 with the key words k0, k1 of the first of them. It is a recursion because g++ does
/// not vectorise a loop over elements around a loop over rounds.
template <int rounds>
[[gnu::always_inline]] BRINK_HD inline PhiloxWords philox4x32(PhiloxWords c, std::uint64_t k0, std::uint64_t k1) {
  if constexpr (rounds == 0) {
    return c;
  } else {
    constexpr std::uint64_t low = 0xFFFFFFFF;
    const std::uint64_t p0 = 0xD2511F53 * c.w0, p1 = 0xCD9E8D57 * c.w2;
    const PhiloxWords next{(p1 >> 32) ^ c.w1 ^ k0, p1 & low, (p0 >> 32) ^ c.w3 ^ k1, p0 & low};
    return philox4x32<rounds - 1>(next, (k0 + 0x9E3779B9) & low, (k1 + 0xBB67AE85) & low);
  }
}
/// Source: Salmon, Moraes, Dror, Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011.
[[gnu::always_inline]] BRINK_HD inline PhiloxWords philox4x32_10(PhiloxWords c, std::uint64_t k0, std::uint64_t k1) {
  return philox4x32<10>(c, k0, k1);
}

struct TwoWords {
  std::uint64_t first, second;
};

/// The two 64-bit words of block `block` of a stream; they belong to elements 2·block and 2·block + 1.
/// Counter words: block low, block high, key.first, key.second with the stream in the top byte. Key words: seed low, high.
[[gnu::always_inline]] BRINK_HD inline TwoWords random_words(RandomKey key, std::uint64_t block) {
  const std::uint64_t tag = key.second | (static_cast<std::uint64_t>(key.stream) << 24);
  const PhiloxWords w =
      philox4x32_10({block & 0xFFFFFFFF, block >> 32, key.first, tag}, key.seed & 0xFFFFFFFF, key.seed >> 32);
  return {w.w0 | (w.w1 << 32), w.w2 | (w.w3 << 32)};
}

/// (k + ½)·2^−52 with k the top 52 bits: never 0, never 1, exact in float64.
[[gnu::always_inline]] BRINK_HD inline double uniform_f64(std::uint64_t word) {
  // 1 + k·2^−52 − (1 − 2^−53): exact, and needs only a bit cast, which every instruction set has.
  return elementary::from_bits(0x3FF0000000000000 | (word >> 12)) - (1.0 - 0x1p-53);
}
/// (k + ½)·2^−23 with k the top 23 bits: never 0, never 1, exact in float32.
[[gnu::always_inline]] BRINK_HD inline float uniform_f32(std::uint64_t word) {
  return static_cast<float>(elementary::from_bits(0x3FF0000000000000 | (word >> 41 << 29)) - (1.0 - 0x1p-24));
}

struct TwoNormals {
  double first, second;
};

/// Box–Muller: √(−2 ln u)·(cos 2πv, sin 2πv), u and v the uniform numbers of the two words. |normal| ≤ 8.58.
[[gnu::always_inline]] BRINK_HD inline TwoNormals normals(TwoWords w) {
  const double radius = std::sqrt(-2.0 * elementary::log(uniform_f64(w.first)));
  const double turns = uniform_f64(w.second);
  return {radius * elementary::cos_turns(turns), radius * elementary::sin_turns(turns)};
}

}  // namespace
}  // namespace brink

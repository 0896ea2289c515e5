// SPDX-License-Identifier: MIT
// Test data from a 64-bit counter, and byte comparison.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/isa.h"

namespace support {

/// A uniform number in (−1, 1) from (seed, index): splitmix64.
inline double uniform(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed * 0xD1342543DE82EF95ULL + (index + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  z ^= z >> 31;
  return static_cast<double>(static_cast<std::int64_t>(z) >> 10) * 0x1p-53;
}

template <class T>
std::vector<T> numbers(std::uint64_t seed, std::size_t n) {
  std::vector<T> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<T>(uniform(seed, i));
  return x;
}

template <class T>
bool same_bytes(const T& a, const T& b) {
  return std::ranges::equal(std::as_bytes(std::span(&a, 1)), std::as_bytes(std::span(&b, 1)));
}
template <class T>
bool same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
  return std::ranges::equal(std::as_bytes(std::span(a)), std::as_bytes(std::span(b)));
}

/// Whether the bytes are equal, except that any NaN equals any other, because its payload is not promised.
template <class T>
bool same_numbers(std::span<const T> a, std::span<const T> b) {
  return std::ranges::equal(a, b, [](T x, T y) { return same_bytes(x, y) || (std::isnan(x) && std::isnan(y)); });
}

/// Calls f(Tag{}) for every instruction set that was compiled in and that this processor has.
template <class F>
void for_each_isa(F&& f) {
#if defined(__aarch64__)
  f(brink::Neon{});
#else
  f(brink::Portable{});
#if defined(__x86_64__)
  if (brink::isa() >= brink::Isa::x86_64_v3) f(brink::X86V3{});
  if (brink::isa() >= brink::Isa::x86_64_v4) f(brink::X86V4{});
#endif
#endif
}

}  // namespace support

// SPDX-License-Identifier: MIT
// What it is: vectors of the compiler's own vector extension, and the fused multiply-add, which that extension lacks.
// What it is not: an intrinsics wrapper; + − × are written with operators, and -ffp-contract=off keeps them apart.
// For sources compiled once per instruction set only (isa.h).
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace brink {
namespace {

template <class T, int bytes>
struct VecOf {
  typedef T type __attribute__((vector_size(bytes)));
};
/// The widest vector of T on Isa.
template <class Isa, class T>
using Vec = typename VecOf<T, Isa::vector_bytes>::type;
template <class Isa, class T>
inline constexpr int lanes = Isa::vector_bytes / static_cast<int>(sizeof(T));

template <class V, class T>
[[gnu::always_inline]] inline V load(const T* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class T>
[[gnu::always_inline]] inline void store(T* p, V v) {
  std::memcpy(p, &v, sizeof v);
}
template <class V, class T>
[[gnu::always_inline]] inline V broadcast(T x) {
  return x - V{};  // not V{} + x: that would turn −0 into +0
}

/// a·b + c, one rounding, in every lane.
template <class V>
[[gnu::always_inline]] inline V fma(V a, V b, V c) {
  using T = std::remove_cvref_t<decltype(a[0])>;
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && sizeof(T) == 4) return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
  if constexpr (sizeof(V) == 64 && sizeof(T) == 8) return (V)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#endif
#if defined(__FMA__)
  if constexpr (sizeof(V) == 32 && sizeof(T) == 4) return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
  if constexpr (sizeof(V) == 32 && sizeof(T) == 8) return (V)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#endif
  V r;
  for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof(T)); ++i) {
    if constexpr (sizeof(T) == 4)
      r[i] = __builtin_fmaf(a[i], b[i], c[i]);
    else
      r[i] = __builtin_fma(a[i], b[i], c[i]);
  }
  return r;
}

}  // namespace
}  // namespace brink

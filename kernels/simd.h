// SPDX-License-Identifier: MIT
// Vectors of the compiler's own vector extension, and the fused multiply-add, which that extension lacks. For sources compiled
// once per instruction set only (isa.h).
// + − × are written as operators, and -ffp-contract=off keeps them apart.
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

/// Loads or stores the first n lanes, 0 ≤ n ≤ lanes. Memory beyond them is neither read nor written, and lanes beyond them load
/// as 0.
template <class V, class T>
[[gnu::always_inline]] inline V load_first(const T* p, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && sizeof(T) == 4)
    return (V)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << n) - 1), p);
  if constexpr (sizeof(V) == 64 && sizeof(T) == 8)
    return (V)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1U << n) - 1), p);
#endif
#if defined(__AVX512VL__)
  if constexpr (sizeof(V) == 32 && sizeof(T) == 4)
    return (V)_mm256_maskz_loadu_ps(static_cast<__mmask8>((1U << n) - 1), p);
  if constexpr (sizeof(V) == 32 && sizeof(T) == 8)
    return (V)_mm256_maskz_loadu_pd(static_cast<__mmask8>((1U << n) - 1), p);
#endif
  V v{};
  if (n > 0) std::memcpy(&v, p, static_cast<std::size_t>(n) * sizeof(T));
  return v;
}
template <class V, class T>
[[gnu::always_inline]] inline void store_first(T* p, V v, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && sizeof(T) == 4)
    return _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1U << n) - 1), (__m512)v);
  if constexpr (sizeof(V) == 64 && sizeof(T) == 8)
    return _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1U << n) - 1), (__m512d)v);
#endif
#if defined(__AVX512VL__)
  if constexpr (sizeof(V) == 32 && sizeof(T) == 4)
    return _mm256_mask_storeu_ps(p, static_cast<__mmask8>((1U << n) - 1), (__m256)v);
  if constexpr (sizeof(V) == 32 && sizeof(T) == 8)
    return _mm256_mask_storeu_pd(p, static_cast<__mmask8>((1U << n) - 1), (__m256d)v);
#elif defined(__AVX2__)
  if constexpr (sizeof(V) == 32 && sizeof(T) == 4)
    return _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
                               (__m256)v);
#endif
  if (n > 0) std::memcpy(p, &v, static_cast<std::size_t>(n) * sizeof(T));
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

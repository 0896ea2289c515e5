// SPDX-License-Identifier: MIT
// Loads float32 or float64 elements as vectors of float64, and stores them with one rounding. For sources compiled once per
// instruction set only (isa.h).
#pragma once

#include "kernels/isa.h"
#include "kernels/simd.h"

namespace brink {
namespace {

template <class Isa>
using Wide = Vec<Isa, double>;
template <class Isa>
inline constexpr int wide = lanes<Isa, double>;
template <class Isa>
using Half = typename VecOf<float, Isa::vector_bytes / 2>::type;

// g++ 12 splits __builtin_convertvector of 8 floats into halves and joins them again, at half the speed; hence the intrinsics.
template <class Isa, class T>
[[gnu::always_inline]] inline Wide<Isa> widen(const T* p) {
  if constexpr (std::is_same_v<T, double>) {
    return load<Wide<Isa>>(p);
  } else {
#if defined(__AVX512F__)
    if constexpr (Isa::vector_bytes == 64) return (Wide<Isa>)_mm512_cvtps_pd(_mm256_loadu_ps(p));
#endif
#if defined(__AVX__)
    if constexpr (Isa::vector_bytes == 32) return (Wide<Isa>)_mm256_cvtps_pd(_mm_loadu_ps(p));
#endif
    return __builtin_convertvector(load<Half<Isa>>(p), Wide<Isa>);
  }
}

template <class Isa, class T>
[[gnu::always_inline]] inline void narrow(T* p, Wide<Isa> v) {
  if constexpr (std::is_same_v<T, double>) {
    store(p, v);
  } else {
#if defined(__AVX512F__)
    if constexpr (Isa::vector_bytes == 64) return _mm256_storeu_ps(p, _mm512_cvtpd_ps((__m512d)v));
#endif
#if defined(__AVX__)
    if constexpr (Isa::vector_bytes == 32) return _mm_storeu_ps(p, _mm256_cvtpd_ps((__m256d)v));
#endif
    store(p, __builtin_convertvector(v, Half<Isa>));
  }
}

/// a·b + c with one rounding, where a and b came from T. For float the product is exact in float64, so on processors without
/// fma two operations give the same bits without emulating it.
template <class Isa, class T, class V>
[[gnu::always_inline]] inline V fma_of(V a, V b, V c) {
  if constexpr (std::is_same_v<T, float> && std::is_same_v<Isa, Portable>)
    return a * b + c;
  else
    return fma(a, b, c);
}
template <class T>
[[gnu::always_inline]] inline double fma_of_scalar(double a, double b, double c) {
  if constexpr (std::is_same_v<T, float>)
    return a * b + c;
  else
    return __builtin_fma(a, b, c);
}

}  // namespace
}  // namespace brink

// SPDX-License-Identifier: MIT
// The functions of norm that are compiled once per instruction set (norm_simd.cpp).
#pragma once

#include <span>

#include "kernels/norm/norm.h"

namespace brink::cpu {

template <class Isa, class T>
void group_sum_isa(const GroupedRows&, const T* x, T* out);
template <class Isa, class T>
void group_dot_isa(const GroupedRows&, std::span<const View> factors, T* out);

template <class T>
struct GhostNormCall {
  const T *x, *gamma, *beta;
  T *y, *normalised, *inverse, *mean, *deviation;
  double epsilon;
  Finish<T> finish;  // of y
};
template <class Isa, class T>
void ghost_norm_isa(const GroupedRows&, const GhostNormCall<T>&);
template <class Isa, class T>
void group_affine_isa(const GroupedRows&, std::span<const View> terms, T* out, const Finish<T>&);

}  // namespace brink::cpu

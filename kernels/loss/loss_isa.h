// SPDX-License-Identifier: MIT
// The functions of loss that are compiled once per instruction set (loss_simd.cpp).
#pragma once

#include <cstdint>
#include <span>

#include "kernels/view.h"

namespace brink::cpu {

template <class Isa, class T>
double cross_entropy_isa(std::int64_t samples, std::int64_t classes, const T* f, const std::int32_t* labels,
                         std::int64_t group);
template <class Isa, class T>
void cross_entropy_gradient_isa(std::int64_t samples, std::int64_t classes, const T* f, const std::int32_t* labels,
                                T* delta, T* p);
template <class Isa, class T>
void minus_leading_isa(std::int64_t samples, std::int64_t classes, const T* x, const T* p, T* out);
template <class Isa, class T>
void balance_leading_isa(std::int64_t samples, std::int64_t classes, const T* x, const T* p, T* out);
template <class Isa, class T>
double half_sum_of_squares_isa(std::int64_t samples, std::int64_t classes, const T* d, std::int64_t group);
template <class Isa, class T>
double sample_dot_isa(std::span<const View> factors, std::int64_t group);

}  // namespace brink::cpu

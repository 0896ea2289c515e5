// SPDX-License-Identifier: MIT
// What it is: the per-instruction-set entry points of this room, defined in conv_simd.cpp. Not for use elsewhere.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/conv/conv.h"

namespace brink::cpu {

template <class T>
struct ConvCall {
  ConvShape shape;
  T* out;
  std::array<const T*, max_factor_pairs> a, b;
  int pairs;
  std::int64_t group;  // of a weight gradient
  T* scratch;
};

template <class Isa, class T>
void conv2d_isa(const ConvCall<T>&);
template <class Isa, class T>
void conv2d_input_gradient_isa(const ConvCall<T>&);
template <class Isa, class T>
void conv2d_weight_gradient_isa(const ConvCall<T>&);

}  // namespace brink::cpu

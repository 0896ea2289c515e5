// SPDX-License-Identifier: MIT
// What it is: y[i] = f(a[i]) or f(a[i], b[i]) for the functors of functors.h, and y[i] = c.
// What it is not: broadcasting (kernels/broadcast).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>

#include "kernels/device.h"
#include "kernels/map/functors.h"
#include "kernels/view.h"

namespace brink {

/// Position of functor F in the list.
template <class F>
consteval std::size_t functor_index() {
  return []<std::size_t... i>(std::index_sequence<i...>) {
    return ((std::is_same_v<F, std::tuple_element_t<i, Functors>> ? i : 0) + ...);
  }
  (std::make_index_sequence<std::tuple_size_v<Functors>>{});
}

namespace cpu {

template <class T>
using MapLoop = void(std::int64_t n, T* out, const T* a, const T* b, double c);

/// The loop of the functor at `index` of the list; defined in map_simd.cpp.
template <class Isa, class T>
MapLoop<T>* map_loop(std::size_t index);

void map(Device&, std::size_t functor, View out, std::span<const View> in, double c);
void fill(Device&, View out, double value);

}  // namespace cpu

namespace cuda {

void map(Device&, std::size_t functor, View out, std::span<const View> in, double c);
void fill(Device&, View out, double value);

}  // namespace cuda

/// out = f(in…).
/// Shapes:     all equal in number of elements; one or two inputs, as F::arity says; float32 or float64 alike.
/// Layout:     contiguous.
/// Arithmetic: the functor's; no order.
/// Aliasing:   out may be one of the inputs exactly.
/// Errors:     none.
/// Cost:       one pass; several threads above 65536 elements.
template <class F>
void map(Device& d, View out, std::span<const View> in, double c = 0) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::map(d, functor_index<F>(), out, in, c);
  cpu::map(d, functor_index<F>(), out, in, c);
}
template <class F>
void map(Device& d, View out, std::initializer_list<View> in, double c = 0) {
  map<F>(d, out, std::span<const View>(in.begin(), in.size()), c);
}

/// out = value, rounded to the type of out.
/// Shapes: any; float32 or float64.  Layout: contiguous.  Arithmetic: none.  Aliasing: none.  Errors: none.  Cost: one pass.
inline void fill(Device& d, View out, double value) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::fill(d, out, value);
  cpu::fill(d, out, value);
}

}  // namespace brink

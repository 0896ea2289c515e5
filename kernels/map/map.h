// SPDX-License-Identifier: MIT
// Elementwise passes: y[i], z[i], … = f(a[i], b[i], …) for the functors of functors.h, y[i] = c, and changes of precision.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "kernels/device.h"
#include "kernels/map/functors.h"
#include "kernels/view.h"

namespace brink {

/// One view or several, for the length of a call.
class ViewList {
 public:
  // Implicit, so that a call can pass y, {a, b} or a span.
  // NOLINTBEGIN(google-explicit-constructor)
  ViewList(const View& one) : views_(&one, 1) {}
  ViewList(std::initializer_list<View> several) : views_(several.begin(), several.size()) {}
  ViewList(std::span<const View> several) : views_(several) {}
  ViewList(const std::vector<View>& several) : views_(several) {}
  // NOLINTEND(google-explicit-constructor)
  operator std::span<const View>() const { return views_; }

 private:
  std::span<const View> views_;
};

/// The largest number of inputs, and of outputs, of a functor.
inline constexpr int max_map_operands = 8;

namespace cpu {

/// Elements first … last−1.
template <class T>
using MapLoop = void(std::int64_t first, std::int64_t last, T* const* out, const T* const* in, const double* constants);

/// The loop of the functor at `index` of the list; defined in map_simd.cpp.
template <class Isa, class T>
MapLoop<T>* map_loop(std::size_t index);

void map(Device&, std::size_t functor, std::span<const View> out, std::span<const View> in, const double* constants);
void fill(Device&, View out, double value);
void cast(Device&, View out, View x);

}  // namespace cpu

namespace cuda {

void map(Device&, std::size_t functor, std::span<const View> out, std::span<const View> in, const double* constants);
void fill(Device&, View out, double value);
void cast(Device&, View out, View x);

}  // namespace cuda

/// out… = f(in…), f the functor F with these constants, in the order of its members.
/// Shapes:     all equal in number of elements; as many outputs, inputs and constants as F has; float32 or float64 alike.
/// Layout:     contiguous.
/// Arithmetic: the functor's; no order.
/// Aliasing:   an output may be one of the inputs exactly.
/// Errors:     none; a functor that is not in the list and a wrong number of constants do not compile.
/// Cost:       one pass; several threads above 65536 elements.
template <class F, class... Constant>
void map(Device& d, const ViewList& out, const ViewList& in, Constant... constant) {
  static_assert(sizeof...(Constant) == constants_of<F>, "one argument for each constant of the functor");
  static_assert(F::arity <= max_map_operands && outputs_of<F> <= max_map_operands);
  const double constants[sizeof...(Constant) + 1] = {static_cast<double>(constant)...};
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::map(d, functor_index<F>(), out, in, constants);
  cpu::map(d, functor_index<F>(), out, in, constants);
}

/// out = value, rounded to the type of out.
/// Shapes: any; float32 or float64.  Layout: contiguous.  Arithmetic: none.  Aliasing: none.  Errors: none.  Cost: one pass.
inline void fill(Device& d, View out, double value) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::fill(d, out, value);
  cpu::fill(d, out, value);
}

/// out = x in out's type.
/// Shapes: equal in number of elements; each float32 or float64.  Layout: contiguous.  Arithmetic: exact, or one rounding.
/// Aliasing: none.  Errors: none.  Cost: one pass; several threads above 65536 elements.
inline void cast(Device& d, View out, View x) {
  if constexpr (has_cuda)
    if (d.where == Where::cuda) return cuda::cast(d, out, x);
  cpu::cast(d, out, x);
}

}  // namespace brink

// SPDX-License-Identifier: MIT
// What a product does to each element of its result once the chain is finished: add a bias, then relu or a gate. The functors
// are those of map, so the bytes are those of separate kernels.
// tanh is not included: its polynomial would cost registers in every product's kernel, and the pass that it would save is short.
#pragma once

#include <cstdint>

#include "kernels/map/functors.h"
#include "kernels/view.h"

namespace brink {

/// y = act(x + bias), element by element. A view without data is skipped; at most one of relu and gate is set.
struct Epilogue {
  View bias;          ///< [N], by column
  View gate;          ///< of the result's shape: y where gate > 0 (or is NaN), otherwise 0
  bool relu = false;  ///< max(y, 0)
  bool any() const { return bias.data || gate.data || relu; }
};

/// The same with typed pointers, for the end of a kernel.
template <class T>
struct Finish {
  const T* bias = nullptr;
  const T* gate = nullptr;
  bool relu = false;

  Finish() = default;
  explicit Finish(const Epilogue* e) {
    if (!e) return;
    bias = static_cast<const T*>(e->bias.data);
    gate = static_cast<const T*>(e->gate.data);
    relu = e->relu;
  }
  bool any() const { return bias || gate || relu; }
  /// x is the element `index` of the result, in `column`.
  BRINK_HD T operator()(T x, std::int64_t index, std::int64_t column) const {
    if (bias) x = Add{}(x, bias[column]);
    if (relu) x = Relu{}(x);
    if (gate) x = Gate{}(gate[index], x);
    return x;
  }
};

namespace cpu {
/// Finishes rows first … last−1 of c [rows, n] in place.
template <class Isa, class T>
void finish_rows(const Finish<T>&, std::int64_t first, std::int64_t last, std::int64_t n, T* c);
}  // namespace cpu

}  // namespace brink
